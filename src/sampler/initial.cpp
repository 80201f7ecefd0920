#include "ergon/sampler/initial.hpp"

#include <ATen/ATen.h>

#include <cmath>
#include <utility>

#include "ergon/core/errors.hpp"

namespace ergon {

InitialDistribution::InitialDistribution(Tensor mean, Tensor log_stddev)
    : mean_(std::move(mean)), log_stddev_(std::move(log_stddev)) {
  ERGON_CHECK(mean_.dim() == 2 && mean_.sizes() == log_stddev_.sizes(),
              "q0 needs (K, D) parameters");
}

InitialDistribution InitialDistribution::from_options(const InitialOptions& options,
                                                      std::int64_t dim,
                                                      Seed seed) {
  const auto given = static_cast<std::int64_t>(options.mean.size());
  require(given == 1 || given == dim, "--initial-mean has {} numbers, the target has {} dimensions",
          given, dim);
  Tensor centre = at::tensor(options.mean, at::kDouble).expand({dim});
  const bool mixture = options.family == InitialFamily::kMixture;
  const std::int64_t components = mixture ? options.components : 1;
  Tensor mean = centre.expand({components, dim}).clone();
  if (mixture)
    mean += options.spread * draw::normal_like(mean, seed.child("components").generator());
  return {mean, at::full({components, dim}, std::log(options.stddev), at::kDouble)};
}

InitialDistribution InitialDistribution::from_parameters(const NamedTensors& parameters) {
  return {find_tensor(parameters, "initial.mean", "sampler parameters"),
          find_tensor(parameters, "initial.log_stddev", "sampler parameters")};
}

Draws InitialDistribution::sample_sets(std::int64_t sets,
                                       std::int64_t particles,
                                       Generator generator) const {
  const auto components = mean_.size(0);
  const auto dim = mean_.size(1);
  const Tensor noise = draw::normal_like(
      at::empty({sets, particles, dim}, mean_.options().requires_grad(false)), generator);
  Tensor x;
  if (components == 1) {
    x = mean_[0] + log_stddev_[0].exp() * noise;
  } else {
    const Tensor which = draw::integers(sets * particles, components, generator)
                             .to(mean_.device())
                             .view({sets, particles});
    x = mean_.index({which}) + log_stddev_.index({which}).exp() * noise;
  }
  return {x, log_prob(x)};
}

Draws InitialDistribution::sample_with_log_prob(std::int64_t count, Generator generator) const {
  const Draws one_set = sample_sets(1, count, std::move(generator));
  return {one_set.particles.squeeze(0), one_set.log_q.squeeze(0)};
}

std::int64_t InitialDistribution::dim() const { return mean_.size(1); }

Tensor InitialDistribution::log_prob(const Tensor& x) const {
  const double normaliser = 0.5 * static_cast<double>(mean_.size(1)) * std::log(2 * M_PI);
  const Tensor standard = (x.unsqueeze(-2) - mean_) * (-log_stddev_).exp();  // (..., K, D)
  const Tensor each = -0.5 * standard.pow(2).sum(-1) - log_stddev_.sum(-1) - normaliser;
  const auto components = mean_.size(0);
  return components == 1 ? each.squeeze(-1)
                         : each.logsumexp(-1) - std::log(static_cast<double>(components));
}

LogDensityAndScore InitialDistribution::log_density_and_score(const Tensor& x) const {
  const double normaliser = 0.5 * static_cast<double>(mean_.size(1)) * std::log(2 * M_PI);
  const Tensor root_precision = (-log_stddev_).exp();  // (K, D)
  const auto components = mean_.size(0);
  if (components == 1) {
    const Tensor standard = (x - mean_[0]) * root_precision[0];
    const Tensor log_q = -0.5 * standard.square().sum(-1) - log_stddev_.sum() - normaliser;
    return {log_q, -standard * root_precision[0]};
  }
  const Tensor standard = (x.unsqueeze(-2) - mean_) * root_precision;  // (..., K, D)
  const Tensor each = -0.5 * standard.square().sum(-1) - log_stddev_.sum(-1) - normaliser;
  const Tensor total = each.logsumexp(-1, /*keepdim=*/true);
  const Tensor responsibility = (each - total).exp().unsqueeze(-2);  // (..., 1, K)
  return {total.squeeze(-1) - std::log(static_cast<double>(components)),
          -at::matmul(responsibility, standard * root_precision).squeeze(-2)};
}

Tensor InitialDistribution::within(const Tensor& x, double width) const {
  const Tensor standard = (x.unsqueeze(-2) - mean_) * (-log_stddev_).exp();
  return (standard.abs() <= width).all(-1).any(-1);
}

}  // namespace ergon
