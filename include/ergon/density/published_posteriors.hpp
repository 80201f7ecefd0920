#pragma once

#include <memory>

#include "ergon/density/target.hpp"

namespace ergon {

/// The targets `german-credit`, `breast-cancer`, `ionosphere` and `sonar`: LogisticRegression on
/// the options' data file (labels in the last column) with the recipe of the published benchmarks
///, an intercept's column of ones first:
///   german-credit (1000 x 24), breast-cancer (569 x 30): columns / standard deviation, prior
///   N(0, 10² I); ionosphere (351 x 34), sonar (208 x 60): columns standardised, a constant one
///   centred only, prior N(0, I).
/// The prior is always part of them: without it the breast cancer data, which a plane separates,
/// have no finite evidence. known().log_z is a computed reference, given when the file holds the
/// published data: same shape and the same sums over the scaled table, whatever the order of its
/// rows and columns. Throws InvalidInput as load_logistic_data does.
std::unique_ptr<Target> make_published_posterior(const TargetOptions& options);

}  // namespace ergon
