#pragma once

#include <cstdint>
#include <memory>

#include "ergon/core/tensor.hpp"
#include "ergon/stein/velocity.hpp"

/// The Stein operators over one set of particles that is spread over the ranks of MPI: every rank
/// holds some of the particles, blocks of them go round the ring of ranks, and every rank gets the
/// result for its own (docs/maths/ring.md). In the library ergon_mpi (CMake: ERGON_MPI, target
/// ergon::mpi), which is the only one that needs MPI.
namespace ergon::stein {

/// MPI for as long as this object lives: starts it unless the program did, and ends what it
/// started. One per program, in main, before the first RankRing. When an exception leaves its scope
/// MPI is not ended, so that mpirun stops the other ranks, which else would wait for this one.
class MpiSession {
 public:
  MpiSession();
  ~MpiSession();
  MpiSession(const MpiSession&) = delete;
  MpiSession& operator=(const MpiSession&) = delete;

 private:
  bool started_ = false;
  int exceptions_ = 0;
};

/// The particles that one rank holds, float32 or float64 on the CPU. Shards may differ in size, and
/// be empty (0, D). The whole set, of M particles, is that of all ranks in their order. Dropped
/// particles are left out of their shard; they take no part.
struct Shard {
  Tensor points;  ///< (m, D)
  Tensor score;   ///< (m, D)  s_j = ∇ log p̄(x_j)
};

/// The ranks that share a set. Every function is collective: all ranks call it, with the same
/// arguments but for their shard. Each returns, for the own shard's rows, what the operator of the
/// same name gives for the whole set, to rounding; with the same ranks, the same bits. Work M²/p
/// pairs, memory O(M D / p), for p ranks. No derivatives are recorded.
///
/// All throw InvalidInput, on every rank and with the same words, when a shard has another shape,
/// type or device than described, numbers that are not finite, or a gradient to record, or when
/// ranks differ in D, type or arguments. Equation numbers refer to docs/maths/stein_step.md.
class RankRing {
 public:
  /// All ranks of the program. Throws InvalidInput when MPI has not been started. Collective.
  RankRing();
  /// The ranks of a communicator, given as MPI_Comm_c2f(communicator). Collective over them.
  static RankRing over(int fortran_handle);
  ~RankRing();
  RankRing(RankRing&&) noexcept;
  RankRing& operator=(RankRing&&) noexcept;

  int rank() const;
  int size() const;

  /// φ, (m, D). (2) bandwidth: σ > 0.
  Tensor velocity(const Shard& shard, double bandwidth) const;
  /// φ, (m, D), and the sum in (3), (m).
  VelocityAndTrace velocity_and_trace(const Shard& shard, double bandwidth) const;
  /// (6) without the Hessian term (the caller adds H_i v_i / M) for P vectors per particle:
  /// vectors (P, m, D) -> (P, m, D).
  Tensor jacobian_vector_products(const Shard& shard,
                                  double bandwidth,
                                  const Tensor& vectors) const;
  /// (7) without the Hessian term, likewise.
  Tensor transposed_jacobian_vector_products(const Shard& shard,
                                             double bandwidth,
                                             const Tensor& vectors) const;

  /// The mean rule of (14) over the whole set, the same number on every rank. points: (m, D).
  double mean_bandwidth(const Tensor& points) const;
  /// The median rule of (14) over the whole set; beyond kMedianParticles over that many of its
  /// particles, evenly spaced in the order of the ranks. The same number on every rank.
  double median_bandwidth(const Tensor& points) const;
  static constexpr std::int64_t kMedianParticles = 2048;

 private:
  struct Implementation;
  explicit RankRing(std::unique_ptr<Implementation> implementation);
  std::unique_ptr<Implementation> implementation_;
};

}  // namespace ergon::stein
