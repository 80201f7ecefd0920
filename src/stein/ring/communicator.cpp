#include "communicator.hpp"

#include <exception>

#include "ergon/core/errors.hpp"
#include "ergon/stein/ring.hpp"

namespace ergon::stein {
namespace {

bool started() {
  int flag = 0;
  MPI_Initialized(&flag);
  return flag != 0;
}

bool ended() {
  int flag = 0;
  MPI_Finalized(&flag);
  return flag != 0;
}

}  // namespace

MpiSession::MpiSession() : exceptions_(std::uncaught_exceptions()) {
  require(!ended(), "MPI was ended in this process and cannot be started again: keep one session");
  if (started()) return;
  int level = 0;
  MPI_Init_thread(nullptr, nullptr, MPI_THREAD_FUNNELED, &level);
  started_ = true;
}

MpiSession::~MpiSession() {
  if (started_ && !ended() && std::uncaught_exceptions() == exceptions_) MPI_Finalize();
}

Communicator::Communicator(MPI_Comm parent) {
  MPI_Comm_dup(parent, &handle_);
  MPI_Comm_rank(handle_, &rank_);
  MPI_Comm_size(handle_, &size_);
}

Communicator::~Communicator() {
  if (!ended()) MPI_Comm_free(&handle_);
}

void Communicator::sum(std::vector<double>& values) const {
  MPI_Allreduce(MPI_IN_PLACE, values.data(), static_cast<int>(values.size()), MPI_DOUBLE, MPI_SUM,
                handle_);
}

void Communicator::broadcast(void* values, std::size_t bytes, int root) const {
  MPI_Bcast(values, static_cast<int>(bytes), MPI_BYTE, root, handle_);
}

std::vector<double> Communicator::concatenate(const std::vector<double>& own) const {
  const std::vector<int> counts = each(static_cast<int>(own.size()));
  std::vector<int> starts;
  int total = 0;
  for (const int count : counts) {
    starts.push_back(total);
    total += count;
  }
  std::vector<double> all(static_cast<std::size_t>(total));
  MPI_Allgatherv(own.data(), static_cast<int>(own.size()), MPI_DOUBLE, all.data(), counts.data(),
                 starts.data(), MPI_DOUBLE, handle_);
  return all;
}

}  // namespace ergon::stein
