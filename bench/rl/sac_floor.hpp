#pragma once

#include <cblas.h>

#include <cstdint>
#include <utility>
#include <vector>

#include "ergon/rl/mlp_options.hpp"

namespace ergon::bench {

/// The matrix products that an update of soft actor-critic cannot do without, as plain calls of
/// cblas_sgemm, on one thread, on numbers that are nobody's: no activation, no bias, no loss, no
/// optimiser.
class SacFloor {
 public:
  SacFloor(MlpShape actor, MlpShape critic, std::int64_t batch)
      : actor_(std::move(actor)),
        critic_(std::move(critic)),
        batch_(batch),
        left_(kRoom, 0.5F),
        right_(kRoom, 0.25F),
        out_(kRoom) {
#ifdef OPENBLAS_VERSION  // by its cblas.h
    openblas_set_num_threads(1);
#endif
  }

  /// Products of one update; returns their floating-point operations.
  double run() {
    flops_ = 0;
    forward(actor_);  // next actions
    for (int target = 0; target < 2; ++target) forward(critic_);
    for (int critic = 0; critic < 2; ++critic) {
      forward(critic_);
      to_hidden(critic_);
      to_parameters(critic_);
    }
    forward(actor_);
    for (int critic = 0; critic < 2; ++critic) {
      forward(critic_);
      to_hidden(critic_);
      product({batch_, critic_.input - actor_.input, critic_.hidden[0]}, false, false);
    }
    to_hidden(actor_);
    to_parameters(actor_);
    return flops_;
  }

 private:
  static constexpr std::size_t kRoom = 1 << 20;
  struct Size {
    std::int64_t rows, columns, inner;
  };

  void forward(const MlpShape& shape) {
    for (std::int64_t layer = 0; layer < shape.layers(); ++layer) {
      product({batch_, shape.layer_output(layer), shape.layer_input(layer)}, false, true);
    }
  }
  void to_hidden(const MlpShape& shape) {
    for (std::int64_t layer = shape.layers() - 1; layer > 0; --layer) {
      product({batch_, shape.layer_input(layer), shape.layer_output(layer)}, false, false);
    }
  }
  void to_parameters(const MlpShape& shape) {
    for (std::int64_t layer = 0; layer < shape.layers(); ++layer) {
      product({shape.layer_output(layer), shape.layer_input(layer), batch_}, true, false);
    }
  }
  void product(Size size, bool left_transposed, bool right_transposed) {
    const int m = static_cast<int>(size.rows), n = static_cast<int>(size.columns);
    const int k = static_cast<int>(size.inner);
    cblas_sgemm(CblasRowMajor, left_transposed ? CblasTrans : CblasNoTrans,
                right_transposed ? CblasTrans : CblasNoTrans, m, n, k, 1, left_.data(),
                left_transposed ? m : k, right_.data(), right_transposed ? k : n, 0, out_.data(),
                n);
    flops_ += 2.0 * m * n * k;
  }

  MlpShape actor_;
  MlpShape critic_;
  std::int64_t batch_;
  std::vector<float> left_, right_, out_;
  double flops_ = 0;
};

}  // namespace ergon::bench
