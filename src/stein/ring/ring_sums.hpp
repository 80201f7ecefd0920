#pragma once

#include <cstdint>
#include <vector>

#include "agreement.hpp"
#include "communicator.hpp"
#include "ergon/core/tensor.hpp"

namespace ergon::stein {

/// What is summed for the own rows; undefined: not wanted.
struct RingSums {
  Tensor velocity;    // (m, D)
  Tensor trace;       // (m)
  Tensor products;    // (P, m, D)
  Tensor transposed;  // (P, m, D)
};

/// The sums of particle_pass.hpp, with c = 1/M (the trace: c = 1), for the own rows over the
/// columns of all ranks. `input` is agreed upon and gives each rank's `rows`. Collective.
RingSums sum_round_the_ring(const Communicator& ranks,
                            const RingInput& input,
                            const std::vector<std::int64_t>& rows);

/// The points less the mean over all ranks, which is taken in float64, and within what the pass
/// bears. Collective.
Tensor centred_on_all(const Communicator& ranks, const Tensor& points, std::int64_t count);

}  // namespace ergon::stein
