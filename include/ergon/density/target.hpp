#pragma once

#include <memory>
#include <optional>
#include <string>

#include "ergon/core/random.hpp"
#include "ergon/density/log_density.hpp"
#include "ergon/density/target_options.hpp"

namespace ergon {

/// What is known about a target, each where it is known: a test's answer and a user's
/// yardstick.
struct KnownAnswers {
  std::optional<double> log_z;       ///< log ∫ p̄(x) dx
  std::optional<double> entropy;     ///< -∫ p log p, nats
  std::optional<Tensor> mean;        ///< (D) float64
  std::optional<Tensor> covariance;  ///< (D, D) float64
  /// Of log_z, where that is a computed reference; 0: exact to rounding.
  double log_z_standard_error = 0.0;
};

/// A named log-density that carries its own answers.
class Target : public LogDensity {
 public:
  /// The name under which `make_target` knows it.
  virtual std::string name() const = 0;
  virtual KnownAnswers known() const { return {}; }
  /// `count` exact independent draws (count, D) in float64, or nullopt where no exact sampler
  /// exists.
  virtual std::optional<Tensor> sample(std::int64_t count, Generator generator) const;
  /// Where the target's separate modes are, (K, D) float64, or nullopt where they are not separate,
  /// not known, or more than kMaxModes: the component means of a mixture, the maxima of double
  /// wells. What a count of visited modes goes by.
  virtual std::optional<Tensor> modes() const;
  static constexpr std::int64_t kMaxModes = 1024;

 protected:
  /// Throws InvalidInput unless x is (..., D).
  void require_points(const Tensor& x) const;
};

/// Builds the target that the options name. Reads files the options name. Throws InvalidInput:
/// unknown name (lists the names), missing or malformed file, impossible option.
std::unique_ptr<Target> make_target(const TargetOptions& options);

}  // namespace ergon
