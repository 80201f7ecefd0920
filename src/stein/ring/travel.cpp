#include "travel.hpp"

#include <algorithm>
#include <utility>

namespace ergon::stein {
namespace {

// MPI counts in int; a block is sent in pieces of this many bytes.
constexpr std::int64_t kPiece = std::int64_t{1} << 28;

}  // namespace

Travel::Travel(const Communicator& ranks, std::vector<std::int64_t> bytes)
    : ranks_(ranks), bytes_(std::move(bytes)), owner_(ranks.rank()) {
  const auto largest = static_cast<std::size_t>(*std::max_element(bytes_.begin(), bytes_.end()));
  buffers_[0].reset(new std::byte[largest]);
  if (ranks_.size() > 1) buffers_[1].reset(new std::byte[largest]);
}

Travel::~Travel() {
  MPI_Waitall(static_cast<int>(requests_.size()), requests_.data(), MPI_STATUSES_IGNORE);
}

void Travel::post(bool receive, std::byte* buffer, std::int64_t bytes) {
  const int size = ranks_.size();
  const int before = (ranks_.rank() + size - 1) % size;
  const int after = (ranks_.rank() + 1) % size;
  int piece = 0;
  for (std::int64_t start = 0; start < bytes; start += kPiece, ++piece) {
    const int count = static_cast<int>(std::min(kPiece, bytes - start));
    MPI_Request& request = requests_.emplace_back();
    if (receive)
      MPI_Irecv(buffer + start, count, MPI_BYTE, before, piece, ranks_.handle(), &request);
    else
      MPI_Isend(buffer + start, count, MPI_BYTE, after, piece, ranks_.handle(), &request);
  }
}

void Travel::depart() {
  if (seen_ == ranks_.size()) return;
  const int size = ranks_.size();
  const auto next = static_cast<std::size_t>((owner_ + size - 1) % size);
  requests_.clear();
  post(/*receive=*/true, buffers_[1].get(), bytes_[next]);
  post(/*receive=*/false, buffers_[0].get(), bytes_[static_cast<std::size_t>(owner_)]);
}

void Travel::progress() {
  int done = 0;
  if (!requests_.empty())
    MPI_Testall(static_cast<int>(requests_.size()), requests_.data(), &done, MPI_STATUSES_IGNORE);
}

bool Travel::arrive() {
  if (seen_ == ranks_.size()) return false;
  MPI_Waitall(static_cast<int>(requests_.size()), requests_.data(), MPI_STATUSES_IGNORE);
  requests_.clear();
  std::swap(buffers_[0], buffers_[1]);
  owner_ = (owner_ + ranks_.size() - 1) % ranks_.size();
  ++seen_;
  return true;
}

}  // namespace ergon::stein
