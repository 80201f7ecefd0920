#pragma once

#include <cmath>
#include <cstdint>

#include "particle_pass.hpp"

#ifdef __CUDACC__
#define ERGON_DEVICE __device__ __forceinline__
#define ERGON_DEVICE_UNROLL _Pragma("unroll")
#else
#define ERGON_DEVICE inline
#define ERGON_DEVICE_UNROLL
#endif

/// What a pair of particles adds, one class for each sum. A class names its arrays by rows i and by
/// columns j and has four parts: `inner` adds one dimension to the inner products of a pair,
/// `weigh` turns these into weights and adds to the sums of the row, `add` adds one dimension of a
/// pair to the outputs, `finish` adds the terms of a row alone. The first array is always the
/// points.
namespace ergon::stein::cuda {

/// Per-particle numbers of a pair: trace_grad T̄ and kernel_grad K̄.
template <class Real>
struct PairScalars {
  const Real* row;
  const Real* column;
};

/// Of the slab `slab` of set `set`; `first`: the slab that holds the terms of a row alone.
struct SlabPlace {
  std::int64_t set;
  std::int64_t item;  // probe · S + set
  std::int64_t slab;  // split · items + item
  bool first;
};

template <class Real>
ERGON_DEVICE Real pair_kernel(Real beta, Real squared_distance) {
  using std::exp;
  return exp(Real(-0.5) * beta * squared_distance);
}

/// Velocity, kernel sums and trace: (2), (3).
template <class Number>
struct VelocityTerms {
  using Real = Number;
  using Arrays = VelocityArrays<Real>;
  static constexpr int kRows = 2, kPairRows = 1, kColumns = 2, kPairColumns = 2;
  static constexpr int kScalars = 0, kPair = 2, kWeights = 1, kOutputs = 1, kRowSums = 2;

  ERGON_DEVICE VelocityTerms(const Arrays& a, const SlabPlace& at) {
    const auto matrix = a.particles.count * a.particles.dim;
    rows[0] = columns[0] = a.particles.points + at.set * matrix;
    rows[1] = columns[1] = a.particles.score + at.set * matrix;
    outputs[0] = a.velocity + at.slab * matrix;
    row_outputs[0] = a.kernel + at.slab * a.particles.count;
    row_outputs[1] = a.trace + at.slab * a.particles.count;
    beta = a.particles.beta[at.set];
    scale = a.particles.scale[at.set];
    dim = Real(a.particles.dim);
    self = at.first ? Real(1) : Real(0);
  }
  // r² and s_jᵀd
  ERGON_DEVICE void inner(const Real* row,
                          const Real* column,
                          PairScalars<Real>,
                          Real* pair) const {
    const Real d = row[0] - column[0];
    pair[0] += d * d;
    pair[1] += column[1] * d;
  }
  ERGON_DEVICE void weigh(const Real* pair, PairScalars<Real>, Real* weight, Real* sums) const {
    const Real kernel = pair_kernel(beta, pair[0]);
    if (kernel == 0) return;
    weight[0] = kernel;
    sums[0] += kernel;
    sums[1] += kernel * beta * (dim - pair[1] - beta * pair[0]);
  }
  ERGON_DEVICE void add(
      const Real* weight, const Real* column, Real d, PairScalars<Real>, Real* sum) const {
    sum[0] += weight[0] * column[1];
    sum[0] += weight[0] * beta * d;
  }
  ERGON_DEVICE void finish(const Real* row, const Real*, Real* sum) const {
    sum[0] = scale * (sum[0] + self * row[1]);
  }

  const Real* rows[kRows];
  const Real* columns[kColumns];
  const Real* scalars[2];
  Real* outputs[kOutputs];
  Real* row_outputs[kRowSums];
  Real beta, scale, dim, self;
};

/// Products of a particle's Jacobian, or of its transpose, with a vector: (6), (7).
template <class Number, bool kTransposed>
struct ProductTerms {
  using Real = Number;
  using Arrays = ProductArrays<Real>;
  static constexpr int kRows = 2, kPairRows = 2, kColumns = 2, kPairColumns = kTransposed ? 2 : 1;
  static constexpr int kScalars = 0, kPair = 2, kWeights = 1, kOutputs = 1, kRowSums = 1;

  ERGON_DEVICE ProductTerms(const Arrays& a, const SlabPlace& at) {
    const auto matrix = a.particles.count * a.particles.dim;
    rows[0] = columns[0] = a.particles.points + at.set * matrix;
    rows[1] = a.vectors + at.item * matrix;
    columns[1] = a.particles.score + at.set * matrix;
    outputs[0] = a.products + at.slab * matrix;
    row_outputs[0] = nullptr;
    beta = a.particles.beta[at.set];
    scale = a.particles.scale[at.set];
  }
  // r² and dᵀv, or (s_j + βd)ᵀv
  ERGON_DEVICE void inner(const Real* row,
                          const Real* column,
                          PairScalars<Real>,
                          Real* pair) const {
    const Real d = row[0] - column[0];
    pair[0] += d * d;
    if constexpr (kTransposed)
      pair[1] += (column[1] + beta * d) * row[1];
    else
      pair[1] += d * row[1];
  }
  ERGON_DEVICE void weigh(const Real* pair, PairScalars<Real>, Real* weight, Real* sums) const {
    const Real kernel = pair_kernel(beta, pair[0]);
    if (kernel == 0) return;
    weight[0] = -beta * kernel * pair[1];
    sums[0] += kernel;
  }
  ERGON_DEVICE void add(
      const Real* weight, const Real* column, Real d, PairScalars<Real>, Real* sum) const {
    if constexpr (kTransposed) {
      sum[0] += weight[0] * d;
    } else {
      sum[0] += weight[0] * column[1];
      sum[0] += weight[0] * beta * d;
    }
  }
  ERGON_DEVICE void finish(const Real* row, const Real* sums, Real* sum) const {
    sum[0] = scale * (sum[0] + beta * sums[0] * row[1]);
  }

  const Real* rows[kRows];
  const Real* columns[kColumns];
  const Real* scalars[2];
  Real* outputs[kOutputs];
  Real* row_outputs[kRowSums];
  Real beta, scale;
};

}  // namespace ergon::stein::cuda
