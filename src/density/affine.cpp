#include "ergon/density/affine.hpp"

#include <ATen/ATen.h>

#include <utility>

#include "ergon/core/errors.hpp"

namespace ergon {
namespace {

/// Points (..., D) as rows (N, D): the solvers want matrices without leading dimensions.
Tensor as_rows(const Tensor& points) { return points.reshape({-1, points.size(-1)}); }

/// One number for every point of (..., D).
Tensor at_every_point(const Tensor& number, const Tensor& points) {
  return number.expand(points.sizes().slice(0, points.sizes().size() - 1));
}

void require_dimension(const Tensor& points, std::int64_t dim) {
  require(points.dim() >= 1 && points.size(-1) == dim,
          "an affine map of R^{} takes points of {} coordinates, got {}", dim, dim,
          points.dim() >= 1 ? points.size(-1) : 0);
}

}  // namespace

AffineMap::AffineMap(Tensor location, Tensor scale)
    : location_(std::move(location)), scale_(std::move(scale)) {
  const bool fits = location_.dim() == 1 && location_.size(0) >= 1 && scale_.dim() == 2 &&
                    scale_.size(0) == location_.size(0) && scale_.size(1) == location_.size(0);
  require(fits, "an affine map needs a location (D) and a scale (D, D)");
  scale_ = scale_.tril();
  const Tensor diagonal = scale_.diagonal();
  require((diagonal > 0).all().item<bool>() && diagonal.isfinite().all().item<bool>(),
          "the diagonal of an affine map's scale must be positive and finite, got a smallest entry "
          "of {}",
          diagonal.min().item<double>());
}

std::int64_t AffineMap::dim() const { return location_.size(0); }

Mapped AffineMap::forward(const Tensor& z) const {
  require_dimension(z, dim());
  return {location_ + at::matmul(z, scale_.t()), at_every_point(log_det(), z)};
}

Mapped AffineMap::inverse(const Tensor& x) const {
  require_dimension(x, dim());
  const Tensor rows = at::linalg_solve_triangular(scale_.t(), as_rows(x - location_),
                                                  /*upper=*/true, /*left=*/false);
  return {rows.view(x.sizes()), at_every_point(-log_det(), x)};
}

// Rows: (Lᵀ v)ᵀ = vᵀ L.
Tensor AffineMap::pull_back(const Tensor& v) const {
  require_dimension(v, dim());
  return at::matmul(v, scale_);
}

Tensor AffineMap::push_back(const Tensor& v) const {
  require_dimension(v, dim());
  return at::linalg_solve_triangular(scale_, as_rows(v), /*upper=*/false, /*left=*/false)
      .view(v.sizes());
}

Tensor AffineMap::log_det() const { return scale_.diagonal().log().sum(); }

AffineDensity::AffineDensity(const LogDensity& base, AffineMap map)
    : base_(base), map_(std::move(map)) {
  require(base_.dim() == map_.dim(),
          "a density in {} dimensions cannot be seen through an affine map of R^{}", base_.dim(),
          map_.dim());
}

std::int64_t AffineDensity::dim() const { return map_.dim(); }

Tensor AffineDensity::log_density(const Tensor& z) const {
  return base_.log_density(map_.forward(z).points) + map_.log_det();
}

LogDensityAndScore AffineDensity::log_density_and_score(const Tensor& z) const {
  const LogDensityAndScore at_x = base_.log_density_and_score(map_.forward(z).points);
  return {at_x.log_density + map_.log_det(), map_.pull_back(at_x.score)};
}

Tensor AffineDensity::hessian_vector_product(const Tensor& z, const Tensor& v) const {
  const Tensor along = at::matmul(v, map_.scale().t());  // L v
  return map_.pull_back(base_.hessian_vector_product(map_.forward(z).points, along));
}

}  // namespace ergon
