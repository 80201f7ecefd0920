#pragma once

#include <mpi.h>

#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <vector>

namespace ergon::stein {

/// A communicator of our own (a duplicate, so that no message of the program meets ours). Errors of
/// MPI itself end the program, which is MPI's default.
class Communicator {
 public:
  explicit Communicator(MPI_Comm parent);
  ~Communicator();
  Communicator(const Communicator&) = delete;
  Communicator& operator=(const Communicator&) = delete;

  MPI_Comm handle() const { return handle_; }
  int rank() const { return rank_; }
  int size() const { return size_; }

  /// Adds up in place over the ranks.
  void sum(std::vector<double>& values) const;
  /// Makes rank `root`'s values everybody's.
  void broadcast(void* values, std::size_t bytes, int root) const;
  /// Everybody's values, in the order of the ranks.
  std::vector<double> concatenate(const std::vector<double>& own) const;
  /// One plain value from every rank.
  template <class Value>
  std::vector<Value> each(const Value& own) const {
    static_assert(std::is_trivially_copyable_v<Value>);
    std::vector<Value> all(static_cast<std::size_t>(size_));
    MPI_Allgather(&own, sizeof(Value), MPI_BYTE, all.data(), sizeof(Value), MPI_BYTE, handle_);
    return all;
  }

 private:
  MPI_Comm handle_ = MPI_COMM_NULL;
  int rank_ = 0;
  int size_ = 1;
};

}  // namespace ergon::stein
