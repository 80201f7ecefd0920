// The constants of the scaling law in docs/maths/ring.md, and the law against measured times:
//   mpirun -n 2 build/dev/bench/mpi/ring_bench > ring.json
// Every time is the shortest of several; where ranks differ, the slowest rank's. Prints JSON.
#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <fmt/format.h>
#include <mpi.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <vector>

#include "ergon/core/machine.hpp"
#include "ergon/core/random.hpp"
#include "ergon/core/runtime.hpp"
#include "ergon/stein/ring.hpp"
#include "stein/particle_pass.hpp"
#include "stein/ring/communicator.hpp"
#include "stein/ring/travel.hpp"

namespace ergon::stein {
namespace {

using nlohmann::json;

// Seconds of the action, begun on all ranks together: of the slowest rank, the shortest in a
// quarter of a second of trials.
template <class Action>
double seconds_of(const Communicator& ranks, Action action) {
  double best = 1e300, spent = 0;
  for (int trial = 0; trial < 4 || (spent < 0.25 && trial < 300); ++trial) {
    MPI_Barrier(ranks.handle());
    const double begin = MPI_Wtime();
    action();
    const std::vector<double> taken = ranks.each(MPI_Wtime() - begin);
    const double slowest = *std::max_element(taken.begin(), taken.end());
    best = std::min(best, slowest);
    spent += slowest;  // the same on all ranks
  }
  return best;
}

Tensor normal(std::int64_t rows, std::int64_t dim, int rank) {
  const Seed seed = Seed(3).child("rank", static_cast<std::uint64_t>(rank));
  return draw::normal_like(at::empty({rows, dim}, at::kFloat), seed.generator());
}

// Particles with the sums over them, for the pass alone.
struct Work {
  Work(std::int64_t rows, std::int64_t columns, std::int64_t dim)
      : points(normal(columns, dim, 0)),
        score(-points),
        velocity(at::zeros({rows, dim}, at::kFloat)),
        trace(at::zeros({rows}, at::kFloat)) {}

  void pass(bool with_trace) {
    PassSums<float> sums{};
    sums.points = points.data_ptr<float>();
    sums.count = velocity.size(0);
    sums.velocity = velocity.data_ptr<float>();
    if (with_trace) sums.trace = trace.data_ptr<float>();
    const PassColumns<float> columns{points.data_ptr<float>(), score.data_ptr<float>(),
                                     points.size(0), -1};
    // Under the median rule β is about log(M) / D.
    const auto dim = points.size(1);
    accumulate(sums, columns, PassScalars<float>{dim, 8.0f / static_cast<float>(dim), 1e-6f});
  }

  Tensor points, score, velocity, trace;
};

// One way round the ring with blocks of `bytes`, with a piece of work `pieces` times a step; MPI is
// let to work after each piece, or only at the end of the step.
void go_round(
    const Communicator& ranks, std::int64_t bytes, int pieces, Work* work, bool progress) {
  Travel travel(ranks, std::vector<std::int64_t>(static_cast<std::size_t>(ranks.size()), bytes));
  do {
    travel.depart();
    for (int piece = 0; piece < pieces; ++piece) {
      work->pass(false);
      if (progress) travel.progress();
    }
  } while (travel.arrive());
}

// Nanoseconds a pair, with blocks of `side` rows and columns: small blocks cost more.
json pairs(const Communicator& ranks) {
  json rows = json::array();
  for (const std::int64_t dim : {2, 10, 50, 200}) {
    for (const std::int64_t side : {64, 256, 1024}) {  // the ring's tile is 1024
      Work work(side, side, dim);
      const double scale = 1e9 / static_cast<double>(side * side);
      rows.push_back(
          {{"dim", dim},
           {"side", side},
           {"velocity_ns", scale * seconds_of(ranks, [&] { work.pass(false); })},
           {"velocity_and_trace_ns", scale * seconds_of(ranks, [&] { work.pass(true); })}});
    }
  }
  return rows;
}

// A step of the ring: every rank sends to the next and receives from the one before.
json messages(const Communicator& ranks) {
  json rows = json::array();
  const int size = ranks.size(), before = (ranks.rank() + size - 1) % size;
  const int after = (ranks.rank() + 1) % size;
  for (int bytes = 1; bytes <= 1 << 22; bytes *= 4) {
    const std::vector<char> sent(static_cast<std::size_t>(bytes), 1);
    std::vector<char> received(sent.size());
    const int rounds = bytes < 100000 ? 200 : 1;
    const double seconds = seconds_of(ranks, [&] {
      for (int i = 0; i < rounds; ++i)
        MPI_Sendrecv(sent.data(), bytes, MPI_BYTE, after, 0, received.data(), bytes, MPI_BYTE,
                     before, 0, ranks.handle(), MPI_STATUS_IGNORE);
    });
    const double step = seconds / rounds;
    rows.push_back({{"bytes", bytes}, {"us", 1e6 * step}, {"gb_per_s", 1e-9 * bytes / step}});
  }
  return rows;
}

json sums(const Communicator& ranks) {
  json rows = json::array();
  for (const std::size_t count : {1, 50, 784}) {
    std::vector<double> values(count, 1.0);
    const double seconds = seconds_of(ranks, [&] {
      for (int i = 0; i < 100; ++i) ranks.sum(values);
    });
    rows.push_back({{"numbers", count}, {"us", 1e4 * seconds}});
  }
  return rows;
}

// How much of the shorter of work and messages disappears behind the other, when they take about
// the same time.
json overlap(const Communicator& ranks) {
  json rows = json::array();
  Work work(48, 256, 50);
  const double piece = seconds_of(ranks, [&] { work.pass(false); });
  for (const std::int64_t bytes : {1 << 18, 1 << 20, 1 << 22}) {
    const double alone = seconds_of(ranks, [&] { go_round(ranks, bytes, 0, nullptr, true); });
    const int pieces = std::max(1, static_cast<int>(alone / (ranks.size() * piece)));
    const double computing = seconds_of(ranks, [&] { go_round(ranks, 0, pieces, &work, false); });
    json row = {{"bytes", bytes}, {"messages_us", 1e6 * alone}, {"work_us", 1e6 * computing}};
    for (const bool progress : {false, true}) {
      const double both =
          seconds_of(ranks, [&] { go_round(ranks, bytes, pieces, &work, progress); });
      const double hidden = (alone + computing - both) / std::min(alone, computing);
      row[progress ? "both_us" : "both_without_progress_us"] = 1e6 * both;
      row[progress ? "hidden" : "hidden_without_progress"] = hidden;
    }
    rows.push_back(row);
  }
  return rows;
}

// The operators themselves, the set spread evenly.
json operators(const Communicator& ranks) {
  const RankRing ring;
  json rows = json::array();
  for (const std::int64_t count : {500, 1000, 2000, 16000}) {
    for (const std::int64_t dim : {2, 50}) {
      const std::int64_t own = count / ranks.size();
      const Tensor points = normal(own, dim, ranks.rank());
      const Shard shard{points, -points};
      const double sigma = ring.median_bandwidth(points);
      const auto ms = [&](auto action) { return 1e3 * seconds_of(ranks, action); };
      rows.push_back({{"particles", own * ranks.size()},
                      {"dim", dim},
                      {"velocity_ms", ms([&] { ring.velocity(shard, sigma); })},
                      {"velocity_and_trace_ms", ms([&] { ring.velocity_and_trace(shard, sigma); })},
                      {"median_bandwidth_ms", ms([&] { ring.median_bandwidth(points); })}});
    }
  }
  return rows;
}

// docs/maths/ring.md: seconds for `count` particles in `dim` dimensions on p ranks.
struct Law {
  const json& pair;
  double latency;    // seconds
  double bandwidth;  // bytes a second
  bool hidden;       // messages travel while the ranks compute

  // Between the measured sides linear in 1/side, since packing a row costs the same for any number
  // of columns; beyond the largest, which is the ring's tile, constant.
  double pair_seconds(std::int64_t dim, double rows) const {
    double side = 0, ns = 0;
    for (const json& row : pair) {
      if (row.at("dim") != dim) continue;
      const double next = row.at("side"), next_ns = row.at("velocity_ns");
      if (side > 0 && side < rows) {
        const double share = std::min(1.0, (1 / side - 1 / rows) / (1 / side - 1 / next));
        ns += share * (next_ns - ns);
      } else if (side == 0) {
        ns = next_ns;
      }
      side = next;
    }
    return 1e-9 * ns;
  }
  double message_seconds(std::int64_t dim, double rows) const {
    return latency + 8.0 * rows * static_cast<double>(dim) / bandwidth;
  }
  double seconds(double count, std::int64_t dim, double p) const {
    const double rows = count / p;
    const double work = pair_seconds(dim, rows) * rows * rows;
    const double message = message_seconds(dim, rows);
    const double step = hidden ? std::max(work, message) : work + message;
    const double sum = latency + 8.0 * static_cast<double>(dim) / bandwidth;
    return work + (p - 1) * step + 2 * std::ceil(std::log2(p)) * sum;
  }
};

json law_of(const json& result, double latency, double bandwidth, bool hidden) {
  const Law law{result.at("pair"), latency, bandwidth, hidden};
  constexpr std::int64_t kDim = 50;
  json rows = json::array();
  for (const double count : {1e5, 1e6, 1e7}) {
    const double one = law.pair_seconds(kDim, count) * count * count;
    for (const double p : {8.0, 64.0, 512.0}) {
      const double seconds = law.seconds(count, kDim, p);
      const double block = count / p;
      rows.push_back({{"particles", count},
                      {"ranks", p},
                      {"seconds", seconds},
                      {"efficiency", one / (p * seconds)},
                      {"message_to_work", law.message_seconds(kDim, block) /
                                              (law.pair_seconds(kDim, block) * block * block)}});
    }
  }
  return {{"dim", kDim},
          {"latency_us", 1e6 * latency},
          {"gb_per_s", 1e-9 * bandwidth},
          {"hidden", hidden},
          {"table", rows}};
}

// The law with this machine's constants beside what was measured.
void compare(json& result, double latency, double bandwidth) {
  const Law law{result.at("pair"), latency, bandwidth, false};
  for (json& row : result.at("operator"))
    row["law_ms"] = 1e3 * law.seconds(row.at("particles"), row.at("dim"), result.at("ranks"));
}

json machine_of() {
  const Machine machine = describe_machine();
  char library[MPI_MAX_LIBRARY_VERSION_STRING] = {};
  int length = 0;
  MPI_Get_library_version(library, &length);
  return {{"cpu", machine.cpu},
          {"cores", machine.cores},
          {"system", machine.system},
          {"compiler", machine.compiler},
          {"revision", machine.ergon_revision},
          {"mpi", library}};
}

void measure() {
  const Communicator ranks(MPI_COMM_WORLD);
  json result = {{"ranks", ranks.size()},
                 {"machine", machine_of()},
                 {"pair", pairs(ranks)},
                 {"allreduce", sums(ranks)},
                 {"operator", operators(ranks)}};
  double latency = 0, bandwidth = 1e300;
  if (ranks.size() > 1) {
    result["message"] = messages(ranks);
    result["overlap"] = overlap(ranks);
    latency = 1e-6 * result["message"].front().at("us").get<double>();
    bandwidth = 1e9 * result["message"].back().at("gb_per_s").get<double>();
    result["law"] = {{"shared_memory", law_of(result, latency, bandwidth, false)},
                     {"assumed_network", law_of(result, 2e-6, 1e10, true)},
                     {"assumed_network_not_hidden", law_of(result, 2e-6, 1e10, false)}};
  }
  compare(result, latency, bandwidth);
  if (ranks.rank() == 0) fmt::print("{}\n", result.dump(1));
}

}  // namespace
}  // namespace ergon::stein

int main() {
  const ergon::stein::MpiSession session;
  ergon::start_runtime(1);
  const at::NoGradGuard no_grad;
  ergon::stein::measure();
}
