#include "ergon/density/target_options.hpp"

#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>

namespace ergon {
namespace {

constexpr std::int64_t kMaxDim = 100000;
constexpr double kMaxSeparation = 1000.0;
constexpr std::int64_t kMaxGrid = 100;  // 10^4 cells: a dense covariance of 800 MB
constexpr std::int64_t kMaxLattice = 200;
constexpr double kMaxBeta = 500.0;

bool is_set(const std::string& field) { return !field.empty(); }
template <class T>
bool is_set(const std::optional<T>& field) {
  return field.has_value();
}
bool is_set(const std::vector<double>& field) { return !field.empty(); }
bool is_set(Scaling field) { return field != Scaling::kDefault; }
bool is_set(Intercept field) { return field != Intercept::kDefault; }

std::string join(const std::vector<std::string_view>& names) {
  return names.empty() ? "no options" : fmt::format("{}", fmt::join(names, ", "));
}

const TargetDescription& describe(const std::string& name) {
  const auto& catalogue = target_catalogue();
  const auto found = std::find_if(catalogue.begin(), catalogue.end(),
                                  [&](const auto& entry) { return entry.name == name; });
  if (found != catalogue.end()) return *found;
  std::vector<std::string_view> names;
  for (const auto& entry : catalogue) names.push_back(entry.name);
  if (name.empty()) fail("no target is named; choose one of: {}", join(names));
  fail("unknown target '{}'; choose one of: {}", name, join(names));
}

void require_taken(const TargetOptions& options, const TargetDescription& target) {
  visit_target_fields(options, [&](std::string_view name, const auto& field, std::string_view) {
    const auto& taken = target.options;
    const bool takes = std::find(taken.begin(), taken.end(), name) != taken.end();
    require(takes || !is_set(field), "target '{}' does not take '{}'; it takes: {}", target.name,
            name, join(taken));
  });
}

void require_positive(std::string_view name, const std::optional<double>& value) {
  if (!value) return;
  require(std::isfinite(*value) && *value > 0, "{} = {} must be a finite number above 0", name,
          *value);
}

void require_given(std::string_view target, std::string_view option, const std::string& value) {
  require(!value.empty(), "target '{}' needs --{}, the path of a file", target, option);
}

void validate_gaussian(const TargetOptions& options) {
  for (const double value : options.mean) {
    require(std::isfinite(value), "mean: {} is not a finite number", value);
  }
  for (const double value : options.variances) {
    require(std::isfinite(value) && value > 0, "variances: {} must be a finite number above 0",
            value);
  }
  require(options.variances.empty() || options.covariance_file.empty(),
          "give either 'variances' or 'covariance-file', not both");
  if (!options.covariance_file.empty()) return;  // the file decides the dimension
  const auto given = std::max(options.mean.size(), options.variances.size());
  const auto dim = options.dim ? static_cast<std::size_t>(*options.dim) : given;
  for (const auto size : {options.mean.size(), options.variances.size()}) {
    require(size <= 1 || size == dim,
            "a gaussian of dimension {} takes 1 or {} numbers in 'mean' and 'variances', not {}",
            dim, dim, size);
  }
}

void validate_dim(const TargetOptions& options) {
  if (!options.dim) return;
  const std::int64_t dim = *options.dim;
  require(dim >= 1 && dim <= kMaxDim, "dim = {} must be between 1 and {}", dim, kMaxDim);
  const bool needs_two = options.name == "funnel" || options.name == "banana";
  require(!needs_two || dim >= 2, "dim = {}: the {} needs dim >= 2", dim, options.name);
  require(options.name != "many-well" || dim % 2 == 0,
          "dim = {}: many-well consists of pairs, so dim must be even", dim);
}

void validate_double_well(const TargetOptions& options) {
  require_positive("separation", options.separation);
  require(options.separation.value_or(1.0) <= kMaxSeparation, "separation = {} must be at most {}",
          options.separation.value_or(1.0), kMaxSeparation);
  const std::int64_t dim = options.dim.value_or(std::int64_t{5});
  const std::int64_t wells = options.wells.value_or(std::min(dim, std::int64_t{5}));
  require(wells >= 1 && wells <= dim, "wells = {} must be between 1 and dim = {}", wells, dim);
}

void require_within(std::string_view name,
                    const std::optional<std::int64_t>& value,
                    std::int64_t low,
                    std::int64_t high) {
  if (!value) return;
  require(*value >= low && *value <= high, "{} = {} must be between {} and {}", name, *value, low,
          high);
}

void validate_lattices(const TargetOptions& options) {
  require_within("grid", options.grid, 1, kMaxGrid);
  require_within("lattice", options.lattice, 1, kMaxLattice);
  require_positive("coupling", options.coupling);
  const double mass = options.mass_squared.value_or(0.0);
  require(std::isfinite(mass), "mass-squared = {} must be a finite number", mass);
  const double beta = options.beta.value_or(1.0);
  require(beta >= 0 && beta <= kMaxBeta, "beta = {} must be between 0 and {}", beta, kMaxBeta);
  const std::int64_t goals = options.goals.value_or(1);
  require(goals == 1 || goals == 4, "goals = {} must be 1 or 4", goals);
}

/// Targets that are built on a file of data.
bool needs_data(const std::string& name) {
  const auto& taken = describe(name).options;
  return std::find(taken.begin(), taken.end(), "data") != taken.end();
}

}  // namespace

void TargetOptions::validate() const {
  const TargetDescription& target = describe(name);
  require_taken(*this, target);
  validate_dim(*this);
  validate_gaussian(*this);
  require_positive("stddev", stddev);
  require_positive("radius", radius);
  require_positive("scale", scale);
  require_positive("prior-scale", prior_scale);
  require(!curvature || std::isfinite(*curvature), "curvature = {} must be a finite number",
          curvature.value_or(0));
  validate_double_well(*this);
  validate_lattices(*this);
  if (name == "mixture") require_given(name, "means-file", means_file);
  if (needs_data(name)) require_given(name, "data", data_file);
  if (name == "torchscript") require_given(name, "model", model_file);
}

const std::vector<TargetDescription>& target_catalogue() {
  static const std::vector<TargetDescription> catalogue = {
      {"gaussian",
       "any (default 2)",
       "N(mean, covariance); default N(0, I)",
       "log Z, entropy, moments, sampler",
       {"dim", "mean", "variances", "covariance-file"}},
      {"standard-normal",
       "any (default 2)",
       "N(0, I)",
       "log Z, entropy, moments, sampler",
       {"dim"}},
      {"gaussian-worked",
       "2",
       "N((-0.6871, 0.8010), 5 [[0.2260, 0.1652], [0.1652, 0.6779]])",
       "log Z, entropy, moments, sampler",
       {}},
      {"gaussian-thin",
       "2",
       "N(0, C), C with eigenvalues 1 and 0.01 and axes at 45 degrees",
       "log Z, entropy, moments, sampler",
       {}},
      {"mixture-4",
       "2",
       "4 equal Gaussians on a circle (radius 4, stddev 1) at 0, 90, 180, 270 degrees",
       "log Z, entropy, moments, sampler",
       {"radius", "stddev"}},
      {"mixture-25",
       "2",
       "25 equal Gaussians (stddev 0.3) on the grid {-4, -2, 0, 2, 4}^2",
       "log Z, entropy, moments, sampler",
       {"stddev"}},
      {"gmm40",
       "any (default 2)",
       "40 equal Gaussians (stddev 1), means drawn once from U[-40, 40]^D, or from a file",
       "log Z, entropy (D <= 2), moments, sampler",
       {"dim", "means-file", "stddev"}},
      {"mixture",
       "columns of means-file",
       "isotropic Gaussians (stddev 1) with means, and weights, from files",
       "log Z, entropy (D <= 2, up to 100 components), moments, sampler",
       {"means-file", "weights-file", "stddev"}},
      {"mixture-student-t",
       "any (default 2)",
       "10 equal products of Student's t_2(location, 1), locations drawn once from U[-10, 10]^D, "
       "or "
       "from a file",
       "log Z, mean (the covariance is infinite), sampler",
       {"dim", "means-file"}},
      {"mixture-64",
       "any (default 6)",
       "2^D equal Gaussians of covariance 0.5 I at the corners of {-1, 1}^D",
       "log Z, entropy, moments, sampler",
       {"dim"}},
      {"challenging-mixture",
       "2",
       "6 equal correlated Gaussians: 3 and their mirror images under swapping the coordinates",
       "log Z, entropy, moments, sampler",
       {}},
      {"funnel",
       "any >= 2 (default 10)",
       "x1 ~ N(0, scale^2), scale 3; x2..xD | x1 ~ N(0, exp(x1))",
       "log Z, entropy, moments, sampler",
       {"dim", "scale"}},
      {"banana",
       "any >= 2 (default 2)",
       "x1 ~ N(0, scale^2), scale 2; x2 | x1 ~ N(b (x1^2 - scale^2), 1), b = curvature 0.5; rest "
       "N(0, 1)",
       "log Z, entropy, moments, sampler",
       {"dim", "scale", "curvature"}},
      {"many-well",
       "any even (default 32)",
       "sum over pairs of -x1^4 + 6 x1^2 + x1/2 - x2^2/2",
       "log Z, entropy, moments, sampler",
       {"dim"}},
      {"double-well",
       "any (default 5)",
       "-sum_{i <= wells} (xi^2 - separation)^2 - sum of the rest xi^2/2; wells 5, separation 4",
       "log Z, entropy, moments, sampler",
       {"dim", "wells", "separation"}},
      {"ring",
       "2",
       "-(|x| - radius)^2 / (2 stddev^2); radius 3, stddev 0.25",
       "log Z, entropy, moments, sampler",
       {"radius", "stddev"}},
      {"planar-robot",
       "10",
       "joint angles of an arm of 10 links whose hand is near (7, 0), or one of 4 goals: N(0, 1), "
       "N(0, 0.2^2) priors, max over goals of N(hand; goal, 0.01^2 I)",
       "mean",
       {"goals"}},
      {"dw4",
       "6",
       "4 particles in the plane, sum over pairs of 4 (d - 4)^2 - 0.9 (d - 4)^4; in 6 "
       "coordinates that leave the centre of mass at 0",
       "mean",
       {}},
      {"lennard-jones-13",
       "36",
       "13 particles in space, sum over pairs of 2 d^-6 - d^-12, less the trap 1/2 |x - centre|^2",
       "mean",
       {}},
      {"lennard-jones-55", "162", "55 particles in space, as lennard-jones-13", "mean", {}},
      {"phi4",
       "lattice^2 (default 196)",
       "scalar field on a torus: -sum of phi (4 phi - sum of 4 neighbours) + m^2 phi^2 + lambda "
       "phi^4; m^2 = -4.75, lambda = 5.1",
       "mean",
       {"lattice", "mass-squared", "coupling"}},
      {"u1-lattice",
       "2 lattice^2 (default 128)",
       "U(1) gauge theory on a torus, beta sum cos(plaquette), beta 1; link angles 2 pi sigmoid(u) "
       "- pi with their log-determinant",
       "log Z, entropy, moments",
       {"lattice", "beta"}},
      {"german-credit",
       "25",
       "logistic regression on the German credit data: columns scaled, intercept, w ~ N(0, 10^2 I)",
       "log Z = -585.097 +- 0.002 for the published file",
       {"data"}},
      {"breast-cancer",
       "31",
       "logistic regression on the Wisconsin breast cancer data: as german-credit",
       "log Z = -77.577 +- 0.015 for the published file",
       {"data"}},
      {"ionosphere",
       "35",
       "logistic regression on the ionosphere data: columns standardised, intercept, w ~ N(0, I)",
       "log Z = -111.615 +- 0.004 for the published file",
       {"data"}},
      {"sonar",
       "61",
       "logistic regression on the sonar data: as ionosphere",
       "log Z = -108.392 +- 0.006 for the published file",
       {"data"}},
      {"finnish-pines",
       "grid^2 (default 1600)",
       "log-Gaussian Cox process of 126 trees: x ~ N(mu, K) on the cells, counts ~ Poisson",
       "log Z = 501.70 +- 0.05 for the published file",
       {"data", "grid"}},
      {"logistic",
       "columns of data (+ 1)",
       "Bayesian logistic regression on a CSV file: labels ~ Bernoulli(sigmoid(X w)), w ~ N(0, s^2 "
       "I)",
       "nothing",
       {"data", "label-column", "prior-scale", "scaling", "intercept"}},
      {"brownian",
       "32",
       "Brownian motion seen through noise, 30 steps, the middle 10 unobserved, both scales "
       "unknown",
       "log Z = 1.18775 +- 0.000001 (quadrature)",
       {}},
      {"seeds",
       "26",
       "random-effects logistic regression on the germination of 21 plates of seeds",
       "log Z = -73.4060 +- 0.0008 (quadrature and importance sampling)",
       {}},
      {"torchscript",
       "dim, or the model's attribute dim",
       "your own: a TorchScript file with log_prob(x) or forward(x), (n, D) -> (n)",
       "nothing",
       {"model", "dim"}},
  };
  return catalogue;
}

const std::vector<EnumName<Scaling>>& EnumNames<Scaling>::all() {
  static const std::vector<EnumName<Scaling>> names = {
      {Scaling::kDefault, "default", "standardize"},
      {Scaling::kStandardize, "standardize", "(column - mean) / standard deviation"},
      {Scaling::kStandardizeKeepConstant, "standardize-keep-constant",
       "standardize, but divide a constant column by 1"},
      {Scaling::kScale, "scale", "column / standard deviation, not centred"},
      {Scaling::kNone, "none", "columns as they are"},
  };
  return names;
}

const std::vector<EnumName<Intercept>>& EnumNames<Intercept>::all() {
  static const std::vector<EnumName<Intercept>> names = {
      {Intercept::kDefault, "default", "yes"},
      {Intercept::kYes, "yes", "prepend a column of ones"},
      {Intercept::kNo, "no", "use the columns alone"},
  };
  return names;
}

}  // namespace ergon
