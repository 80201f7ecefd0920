#include "agreement.hpp"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <fmt/ranges.h>

#include <cmath>
#include <numeric>

#include "ergon/core/errors.hpp"

namespace ergon::stein {
namespace {

/// What the ranks tell each other of their input.
struct Manifest {
  std::int64_t problem_length = 0;  // of the sentence, when there is a problem
  RingTask task = RingTask::kVelocity;
  std::int64_t rows = 0;
  std::int64_t dim = 0;
  std::int64_t type = 0;
  std::int64_t vectors = 0;
  double bandwidth = 0.0;
};

const char* name_of(RingTask task) {
  switch (task) {
    case RingTask::kVelocity:
      return "velocity";
    case RingTask::kVelocityAndTrace:
      return "velocity_and_trace";
    case RingTask::kProducts:
      return "jacobian_vector_products";
    case RingTask::kTransposedProducts:
      return "transposed_jacobian_vector_products";
    case RingTask::kMeanBandwidth:
      return "mean_bandwidth";
    case RingTask::kMedianBandwidth:
      return "median_bandwidth";
  }
  return "unknown";
}

const char* name_of_type(std::int64_t type) {
  return c10::toString(static_cast<c10::ScalarType>(type));
}

std::string problem_of_tensor(const char* name, const Tensor& tensor) {
  if (!tensor.device().is_cpu())
    return fmt::format("the {} are on {}, not the CPU", name, tensor.device().str());
  if (tensor.scalar_type() != c10::kFloat && tensor.scalar_type() != c10::kDouble)
    return fmt::format("the {} are of type {}, neither float32 nor float64", name,
                       c10::toString(tensor.scalar_type()));
  if (at::GradMode::is_enabled() && tensor.requires_grad())
    return fmt::format("the {} ask for gradients, which the ring does not record; detach them",
                       name);
  // 0 · x is 0 for every finite x and NaN for all others: one cheap pass where all is well.
  if (at::mul(tensor.detach(), 0).sum().item<double>() == 0) return {};
  return fmt::format("{} of the {} are not finite; leave such particles out of the shard",
                     at::isfinite(tensor).logical_not().sum().item<std::int64_t>(), name);
}

// Shape and type of the tensors that go with the points.
std::string problem_of_companion(const char* name, const Tensor& tensor, const Tensor& points) {
  const auto sizes = tensor.sizes();
  if (sizes.size() < 2 || sizes.slice(sizes.size() - 2) != points.sizes())
    return fmt::format("the {} have shape ({}) where the points have ({})", name,
                       fmt::join(sizes, ", "), fmt::join(points.sizes(), ", "));
  if (tensor.scalar_type() != points.scalar_type())
    return fmt::format("the {} are {} where the points are {}", name,
                       c10::toString(tensor.scalar_type()), c10::toString(points.scalar_type()));
  return problem_of_tensor(name, tensor);
}

Manifest manifest_of(const RingInput& input, const std::string& problem) {
  Manifest own;
  own.task = input.task;
  own.bandwidth = input.bandwidth;
  own.problem_length = static_cast<std::int64_t>(problem.size());
  if (!problem.empty()) return own;
  own.rows = input.points.size(0);
  own.dim = input.points.size(1);
  own.type = static_cast<std::int64_t>(input.points.scalar_type());
  own.vectors = input.vectors.defined() ? input.vectors.size(0) : 0;
  return own;
}

// Throws the first rank's problem on all ranks.
void share_problems(const Communicator& ranks,
                    const std::vector<Manifest>& all,
                    std::string problem) {
  for (int rank = 0; rank < ranks.size(); ++rank) {
    const auto length = all[static_cast<std::size_t>(rank)].problem_length;
    if (length == 0) continue;
    problem.resize(static_cast<std::size_t>(length));
    ranks.broadcast(problem.data(), problem.size(), rank);
    fail("rank {} of the ring: {}", rank, problem);
  }
}

void require_same(const Manifest& first, const Manifest& other, std::size_t rank) {
  require(first.task == other.task,
          "rank 0 of the ring calls {} while rank {} calls {}: all ranks make the same calls",
          name_of(first.task), rank, name_of(other.task));
  require(
      first.dim == other.dim,
      "points of rank 0 have {} dimensions and those of rank {} have {}: give all shards the same",
      first.dim, rank, other.dim);
  require(first.type == other.type,
          "points of rank 0 are {} and those of rank {} are {}: give all shards the same type",
          name_of_type(first.type), rank, name_of_type(other.type));
  require(first.vectors == other.vectors,
          "rank 0 has {} vectors per particle and rank {} has {}: give all ranks the same number",
          first.vectors, rank, other.vectors);
  require(first.bandwidth == other.bandwidth,
          "rank 0 has bandwidth {} and rank {} has {}: give all ranks the same", first.bandwidth,
          rank, other.bandwidth);
}

}  // namespace

std::string problem_of(const RingInput& input) {
  const Tensor& points = input.points;
  if (!points.defined())
    return "the points are undefined; an empty shard is a tensor of shape (0, D)";
  if (points.dim() != 2 || points.size(1) == 0)
    return fmt::format("the points have shape ({}), which must be (m, D)",
                       fmt::join(points.sizes(), ", "));
  const bool bandwidth_only =
      input.task == RingTask::kMeanBandwidth || input.task == RingTask::kMedianBandwidth;
  const bool products =
      input.task == RingTask::kProducts || input.task == RingTask::kTransposedProducts;
  std::string problem = problem_of_tensor("points", points);
  if (problem.empty() && !bandwidth_only) {
    if (!input.score.defined()) return "the score is undefined";
    if (input.score.dim() != 2)
      return fmt::format("the score has {} dimensions, not 2", input.score.dim());
    problem = problem_of_companion("scores", input.score, points);
  }
  if (problem.empty() && products) {
    if (!input.vectors.defined() || input.vectors.dim() != 3)
      return "the vectors must have shape (P, m, D)";
    problem = problem_of_companion("vectors", input.vectors, points);
  }
  if (problem.empty() && !(std::isfinite(input.bandwidth) && input.bandwidth > 0))
    problem =
        fmt::format("the bandwidth is {}, which must be a number above zero", input.bandwidth);
  return problem;
}

std::vector<std::int64_t> agree(const Communicator& ranks, const RingInput& input) {
  const std::string problem = problem_of(input);
  const std::vector<Manifest> all = ranks.each(manifest_of(input, problem));
  share_problems(ranks, all, problem);
  std::vector<std::int64_t> rows;
  for (std::size_t rank = 0; rank < all.size(); ++rank) {
    require_same(all[0], all[rank], rank);
    rows.push_back(all[rank].rows);
  }
  require(std::accumulate(rows.begin(), rows.end(), std::int64_t{0}) > 0,
          "no rank of the ring holds a particle: give at least one rank a shard that is not empty");
  return rows;
}

}  // namespace ergon::stein
