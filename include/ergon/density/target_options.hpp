#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ergon/core/enum_names.hpp"

namespace ergon {

/// What is done to the columns of a data set before a posterior is built on it.
/// kDefault stands for kStandardize. A column of one value cannot be standardised or scaled and is
/// refused by name, except under kStandardizeKeepConstant, which centres it and divides it by 1
/// (the recipe behind the published Ionosphere numbers).
enum class Scaling { kDefault, kStandardize, kStandardizeKeepConstant, kScale, kNone };
/// kDefault stands for kYes.
enum class Intercept { kDefault, kYes, kNo };

/// Which target, and its numbers. Fields that a target does not use must be left alone (`validate`
/// refuses them, naming those that the target takes), so that no option is silently without effect.
/// Unset or empty means "the target's own default".
struct TargetOptions {
  std::string name;                 ///< one of target_catalogue()
  std::optional<std::int64_t> dim;  ///< D, for targets that exist in any dimension
  std::vector<double> mean;         ///< gaussian: mean, one number per coordinate (or one for all)
  std::vector<double> variances;    ///< gaussian: diagonal of the covariance
  std::string covariance_file;      ///< gaussian: CSV, D x D, symmetric positive definite
  std::string means_file;           ///< mixture, gmm40, mixture-student-t: CSV, one mean per row
  std::string weights_file;  ///< mixture: CSV, one weight per component; equal weights without it
  std::optional<double>
      stddev;  ///< mixtures: standard deviation of every component; ring: of the radius
  std::optional<double> radius;  ///< mixture-4 (circle of means), ring
  std::optional<double>
      scale;  ///< funnel: standard deviation of x1; banana: standard deviation of x1
  std::optional<double> curvature;    ///< banana: b in x2 ~ N(b (x1² - scale²), 1)
  std::optional<double> separation;   ///< double-well: δ in -(x² - δ)²
  std::optional<std::int64_t> wells;  ///< double-well: m, the number of coordinates with two wells
  std::string data_file;  ///< logistic and the published posteriors: CSV of numbers; finnish-pines:
                          ///< CSV of points in the unit square
  std::string label_column;  ///< logistic: name or number of the 0/1 (or two-valued) label; default
                             ///< the last
  std::optional<double>
      prior_scale;  ///< logistic: standard deviation of the N(0, s²I) prior on every weight
  Scaling scaling = Scaling::kDefault;        ///< logistic: what is done to the columns first
  Intercept intercept = Intercept::kDefault;  ///< logistic: whether a column of ones is prepended
  std::optional<std::int64_t> grid;     ///< finnish-pines: cells along each side of the square
  std::optional<std::int64_t> lattice;  ///< phi4, u1-lattice: sites along each side of the torus
  std::optional<double> mass_squared;   ///< phi4: m² in m² φ²
  std::optional<double> coupling;       ///< phi4: λ > 0 in λ φ⁴
  std::optional<double> beta;           ///< u1-lattice: β >= 0, the inverse coupling
  std::optional<std::int64_t> goals;    ///< planar-robot: 1 or 4 points that the hand may reach
  std::string model_file;  ///< torchscript: a file with a method log_prob(x) or forward(x)

  /// Throws InvalidInput naming the field, its value and the rule it breaks.
  void validate() const;
};

/// Calls visit(name, reference, help) for every field but `name`: the one list behind the command
/// line, TOML and JSON.
template <class Self, class Visitor>
void visit_target_fields(Self& self, Visitor&& visit) {
  visit("dim", self.dim, "dimension D, for targets that exist in any dimension");
  visit("mean", self.mean, "gaussian: mean, one number per coordinate, or one for all");
  visit("variances", self.variances, "gaussian: diagonal of the covariance");
  visit("covariance-file", self.covariance_file,
        "gaussian: CSV, D x D, symmetric positive definite");
  visit("means-file", self.means_file, "mixture, gmm40, mixture-student-t: CSV, one mean per row");
  visit("weights-file", self.weights_file, "mixture: CSV, one positive weight per component");
  visit("stddev", self.stddev, "mixtures: standard deviation of a component; ring: of the radius");
  visit("radius", self.radius, "mixture-4: radius of the circle of means; ring: mean radius");
  visit("scale", self.scale, "funnel, banana: standard deviation of x1");
  visit("curvature", self.curvature, "banana: b in x2 ~ N(b (x1^2 - scale^2), 1)");
  visit("separation", self.separation, "double-well: delta in -(x^2 - delta)^2");
  visit("wells", self.wells, "double-well: number of coordinates with two wells");
  visit("data", self.data_file,
        "logistic, published posteriors: CSV of numbers; finnish-pines: CSV of points");
  visit("label-column", self.label_column,
        "logistic: name or number of the label column (default: last)");
  visit("prior-scale", self.prior_scale,
        "logistic: standard deviation of the prior on every weight");
  visit("scaling", self.scaling, "logistic: what is done to the columns first");
  visit("intercept", self.intercept, "logistic: whether a column of ones is prepended");
  visit("grid", self.grid, "finnish-pines: cells along each side of the unit square");
  visit("lattice", self.lattice, "phi4, u1-lattice: sites along each side of the torus");
  visit("mass-squared", self.mass_squared, "phi4: m^2 in m^2 phi^2, may be negative");
  visit("coupling", self.coupling, "phi4: lambda > 0 in lambda phi^4");
  visit("beta", self.beta, "u1-lattice: beta >= 0 in exp(beta cos(plaquette))");
  visit("goals", self.goals, "planar-robot: number of goals, 1 or 4");
  visit("model", self.model_file, "torchscript: file with log_prob(x) or forward(x)");
}

/// One line of `ergon targets`: torch-free, so that lists and help answer at once.
struct TargetDescription {
  std::string_view name;
  std::string_view dimension;   ///< "2", "any (default 10)", …
  std::string_view definition;  ///< the density, in one line
  std::string_view known;       ///< "log Z, entropy, moments, sampler" or what of them is known
  std::vector<std::string_view> options;  ///< names of the TargetOptions fields it takes
};
const std::vector<TargetDescription>& target_catalogue();

template <>
struct EnumNames<Scaling> {
  static const std::vector<EnumName<Scaling>>& all();
};
template <>
struct EnumNames<Intercept> {
  static const std::vector<EnumName<Intercept>>& all();
};

}  // namespace ergon
