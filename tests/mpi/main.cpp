#include <gtest/gtest.h>
#include <mpi.h>

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <stdexcept>
#include <string>

#include "ergon/core/runtime.hpp"
#include "ergon/stein/ring.hpp"

namespace {

// What the ranks beyond the first have to say: their failures.
class Failures : public ::testing::EmptyTestEventListener {
 public:
  explicit Failures(int rank) : rank_(rank) {}
  void OnTestPartResult(const ::testing::TestPartResult& result) override {
    if (result.failed())
      std::fprintf(stderr, "rank %d: %s:%d: %s\n", rank_, result.file_name(), result.line_number(),
                   result.message());
  }

 private:
  int rank_;
};

// One rank leaves by an exception while the others wait for its blocks.
[[noreturn]] void leave_alone() {
  const ergon::stein::MpiSession session;
  const ergon::stein::RankRing ring;
  if (ring.rank() == ring.size() - 1) throw std::runtime_error("this rank is lost");
  MPI_Barrier(MPI_COMM_WORLD);
  std::exit(0);
}

}  // namespace

/// Run by mpirun: every rank runs every test, since the functions under test are collective. The
/// first rank prints and writes the results, the others print their failures.
int main(int argc, char** argv) {
  if (argc == 2 && std::string(argv[1]) == "--leave-alone") {
    try {
      leave_alone();
    } catch (const std::exception& error) {
      std::fprintf(stderr, "%s\n", error.what());
      return 2;
    }
  }
  const ergon::stein::MpiSession session;
  int rank = 0;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  if (rank != 0) ::testing::GTEST_FLAG(output) = "";
  ::testing::InitGoogleTest(&argc, argv);
  if (rank != 0) {
    auto& listeners = ::testing::UnitTest::GetInstance()->listeners();
    delete listeners.Release(listeners.default_result_printer());
    listeners.Append(new Failures(rank));
  }
  ergon::start_runtime(1);
  return RUN_ALL_TESTS();
}
