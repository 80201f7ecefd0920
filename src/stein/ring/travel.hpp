#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "communicator.hpp"

namespace ergon::stein {

/// The blocks of all ranks, one after the other, each rank beginning with its own: while a block is
/// worked on it is sent to the next rank and the one before arrives. Two buffers of the largest
/// block. Used as
///   do {
///     travel.depart();
///     ... work on travel.block(), calling travel.progress() now and then ...
///   } while (travel.arrive());
class Travel {
 public:
  /// bytes: the size of every rank's block. write_own fills the own one: block().
  Travel(const Communicator& ranks, std::vector<std::int64_t> bytes);
  /// Waits for what is under way, so that no message outlives its buffer.
  ~Travel();
  Travel(const Travel&) = delete;
  Travel& operator=(const Travel&) = delete;

  /// The block at hand, and whose it is. To be filled by the caller before the first depart().
  std::byte* block() { return buffers_[0].get(); }
  int owner() const { return owner_; }

  /// Starts the messages, unless the block at hand is the last.
  void depart();
  /// Lets MPI work at the messages: without it a transfer that MPI carries out in software waits
  /// for arrive(). Microseconds.
  void progress();
  /// Ends the messages; the block that arrived is the one at hand. False: all have been at hand.
  bool arrive();

 private:
  void post(bool receive, std::byte* buffer, std::int64_t bytes);

  const Communicator& ranks_;
  std::vector<std::int64_t> bytes_;
  std::unique_ptr<std::byte[]> buffers_[2];  // at hand, arriving
  std::vector<MPI_Request> requests_;
  int owner_;
  int seen_ = 1;
};

}  // namespace ergon::stein
