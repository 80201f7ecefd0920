#include "ergon/density/student_t_mixture.hpp"

#include <ATen/ATen.h>
#include <fmt/ranges.h>

#include <cmath>
#include <limits>
#include <utility>

#include "ergon/core/csv.hpp"
#include "ergon/core/errors.hpp"
#include "ergon/core/tensor_io.hpp"
#include "ergon/density/published_uniform.hpp"

namespace ergon {
namespace {

constexpr std::int64_t kPublishedComponents = 10;
constexpr float kPublishedReach = 10.0F;

/// Points relative to every component, (..., n, D) -> (..., n, K, D).
Tensor offsets(const Tensor& x, const Tensor& locations) { return x.unsqueeze(-2) - locations; }

/// log p(x, k), (..., n, K).
Tensor log_joint(const Tensor& offset) {
  const auto components = static_cast<double>(offset.size(-2));
  const double log_norm =
      -std::log(components) - 1.5 * std::log(2.0) * static_cast<double>(offset.size(-1));
  return -1.5 * at::log1p(0.5 * offset.square()).sum(-1) + log_norm;
}

/// d log t_2 / dz = -3z / (2 + z²).
Tensor component_score(const Tensor& offset) { return -3.0 * offset / (2.0 + offset.square()); }

/// d² log t_2 / dz² = -3 (2 - z²) / (2 + z²)².
Tensor component_curvature(const Tensor& offset) {
  const Tensor squared = offset.square();
  return -3.0 * (2.0 - squared) / (2.0 + squared).square();
}

/// Σ_k r_k a_k, (..., n, K) and (..., n, K, D) -> (..., n, D).
Tensor mixed(const Tensor& responsibility, const Tensor& by_component) {
  return at::matmul(responsibility.unsqueeze(-2), by_component).squeeze(-2);
}

}  // namespace

StudentTMixture::StudentTMixture(std::string name, const Tensor& locations)
    : name_(std::move(name)), locations_(locations) {
  require(locations.dim() == 2 && locations.numel() > 0,
          "a mixture of Student's t needs locations (K, D), not ({})",
          fmt::join(locations.sizes(), ", "));
  require(at::isfinite(locations).all().item<bool>(),
          "the locations of a mixture must be finite numbers");
}

Tensor StudentTMixture::log_density(const Tensor& x) const {
  require_points(x);
  return at::logsumexp(log_joint(offsets(x, locations_.like(x))), {-1});
}

LogDensityAndScore StudentTMixture::log_density_and_score(const Tensor& x) const {
  require_points(x);
  const Tensor offset = offsets(x, locations_.like(x));
  const Tensor joint = log_joint(offset);
  const Tensor log_p = at::logsumexp(joint, {-1}, /*keepdim=*/true);
  return {log_p.squeeze(-1), mixed((joint - log_p).exp(), component_score(offset))};
}

Tensor StudentTMixture::hessian_vector_product(const Tensor& x, const Tensor& v) const {
  require_points(x);
  const Tensor offset = offsets(x, locations_.like(x));
  const Tensor responsibility = at::softmax(log_joint(offset), -1);
  const Tensor scores = component_score(offset);
  const Tensor score = mixed(responsibility, scores);
  const Tensor direction = v.unsqueeze(-2);
  const Tensor along = (scores * direction).sum(-1, /*keepdim=*/true);
  const Tensor by_component = component_curvature(offset) * direction + scores * along;
  return mixed(responsibility, by_component) - score * (score * v).sum(-1, /*keepdim=*/true);
}

KnownAnswers StudentTMixture::known() const {
  KnownAnswers answers;
  answers.log_z = 0.0;
  answers.mean = locations_.exact().mean(0);
  return answers;
}

std::optional<Tensor> StudentTMixture::sample(std::int64_t count, Generator generator) const {
  const Tensor& locations = locations_.exact();
  const Tensor component = draw::integers(count, locations.size(0), generator);
  constexpr double kSmallest = std::numeric_limits<double>::epsilon();
  const Tensor p = draw::uniform_like(at::empty({count, dim()}, at::kDouble), std::move(generator))
                       .clamp(kSmallest, 1.0 - kSmallest);
  return locations.index_select(0, component) + (2.0 * p - 1.0) / (2.0 * p * (1.0 - p)).sqrt();
}

std::optional<Tensor> StudentTMixture::modes() const {
  if (locations_.exact().size(0) > kMaxModes) return std::nullopt;
  return locations_.exact().clone();
}

std::unique_ptr<Target> make_student_t_mixture(const TargetOptions& options) {
  if (options.means_file.empty()) {
    return std::make_unique<StudentTMixture>(
        options.name, published_uniform(kPublishedComponents, options.dim.value_or(2),
                                        -kPublishedReach, kPublishedReach));
  }
  const Tensor locations = to_tensor(read_csv(options.means_file));
  require(!options.dim || *options.dim == locations.size(1),
          "{}: the locations have {} coordinates but dim = {}", options.means_file,
          locations.size(1), options.dim.value_or(0));
  return std::make_unique<StudentTMixture>(options.name, locations);
}

}  // namespace ergon
