#pragma once

#include <memory>
#include <string>
#include <vector>

#include "ergon/density/constant.hpp"
#include "ergon/density/target.hpp"

namespace ergon {

/// A data set made ready for logistic regression.
struct LogisticData {
  Tensor
      features;   ///< (N, D) float64, scaled, the intercept's column of ones first if there is one
  Tensor labels;  ///< (N) float64, 0 or 1: of the file's two values the smaller is 0
  std::vector<std::string> names;  ///< (D) names of the weights: "intercept" and the columns
};

/// Reads and scales the options' data file. Throws InvalidInput: unreadable file, a label without
/// exactly two values, a constant column where it would have to be divided by its standard
/// deviation.
LogisticData load_logistic_data(const TargetOptions& options);

/// Posterior of Bayesian logistic regression, w in R^D:
///   log p̄(w) = Σ_i log σ(±x_i·w) + log N(w; 0, prior_scale² I),  + for label 1, - for label 0,
/// the prior with its normaliser, so that log Z is the evidence. Strictly log-concave. Nothing is
/// known exactly; published_posteriors.hpp has data sets with reference values.
class LogisticRegression : public Target {
 public:
  /// prior_scale > 0; `known`: what is known of this data set.
  LogisticRegression(LogisticData data,
                     double prior_scale,
                     std::string name = "logistic",
                     KnownAnswers known = {});

  std::string name() const override { return name_; }
  std::int64_t dim() const override { return signed_features_.exact().size(1); }
  Tensor log_density(const Tensor& x) const override;
  LogDensityAndScore log_density_and_score(const Tensor& x) const override;
  Tensor hessian_vector_product(const Tensor& x, const Tensor& v) const override;
  KnownAnswers known() const override { return known_; }
  /// The weights' names, in order.
  const std::vector<std::string>& names() const { return names_; }

 private:
  double log_prior_norm() const;

  std::string name_;
  KnownAnswers known_;
  std::vector<std::string> names_;
  Constant signed_features_;  ///< (N, D): x_i for label 1, -x_i for label 0
  double prior_scale_;
};

/// The target `logistic`: scaling standardize, intercept yes, prior-scale 1, the last column the
/// label, unless options say otherwise.
std::unique_ptr<Target> make_logistic(const TargetOptions& options);

}  // namespace ergon
