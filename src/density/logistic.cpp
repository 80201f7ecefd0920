#include "ergon/density/logistic.hpp"

#include <ATen/ATen.h>

#include <cmath>
#include <set>
#include <utility>

#include "ergon/core/csv.hpp"
#include "ergon/core/errors.hpp"
#include "ergon/core/tensor_io.hpp"

namespace ergon {
namespace {

constexpr double kLog2Pi = 1.8378770664093454836;
constexpr double kConstantTolerance =
    1e-12;  // of a column's largest entry: what rounding leaves of a standard deviation

/// 0 and 1 for the two values of a column, in their order.
Tensor binary_labels(const CsvTable& table, std::size_t column) {
  std::set<double> values;
  for (std::size_t row = 0; row < table.rows; ++row) values.insert(table.at(row, column));
  require(values.size() == 2,
          "{}: the label column '{}' must hold exactly two values but holds {}; name another with "
          "label-column",
          table.path, table.columns[column], values.size());
  const Tensor labels = at::empty({static_cast<std::int64_t>(table.rows)}, at::kDouble);
  for (std::size_t row = 0; row < table.rows; ++row) {
    labels.data_ptr<double>()[row] = table.at(row, column) == *values.rbegin() ? 1.0 : 0.0;
  }
  return labels;
}

/// One column (N) scaled; `name` and `path` are for the message.
Tensor scaled(const Tensor& column,
              Scaling scaling,
              const std::string& name,
              const std::string& path) {
  if (scaling == Scaling::kNone) return column;
  const Tensor centred = column - column.mean();
  const double deviation = std::sqrt(centred.square().mean().item<double>());
  const bool constant = deviation <= kConstantTolerance * column.abs().max().item<double>();
  if (constant && scaling == Scaling::kStandardizeKeepConstant) return at::zeros_like(column);
  require(!constant,
          "{}: column '{}' has one value in every row and cannot be divided by its standard "
          "deviation; remove "
          "it, or choose scaling = none or standardize-keep-constant",
          path, name);
  return (scaling == Scaling::kScale ? column : centred) / deviation;
}

}  // namespace

LogisticData load_logistic_data(const TargetOptions& options) {
  const CsvTable table = read_csv(options.data_file);
  const std::size_t label =
      table.column(options.label_column.empty() ? "-1" : options.label_column);
  const Scaling scaling =
      options.scaling == Scaling::kDefault ? Scaling::kStandardize : options.scaling;
  const Tensor values = to_tensor(table);
  LogisticData data;
  data.labels = binary_labels(table, label);
  std::vector<Tensor> columns;
  if (options.intercept != Intercept::kNo) {
    columns.push_back(at::ones_like(data.labels));
    data.names.emplace_back("intercept");
  }
  for (std::size_t column = 0; column < table.cols; ++column) {
    if (column == label) continue;
    const std::string& name = table.columns[column];
    const Tensor raw = values.select(1, static_cast<std::int64_t>(column));
    columns.push_back(scaled(raw, scaling, name, table.path));
    data.names.push_back(name);
  }
  require(!columns.empty(),
          "{}: there is no column besides the label '{}', and intercept = no leaves nothing to fit",
          table.path, table.columns[label]);
  data.features = at::stack(columns, 1);
  return data;
}

LogisticRegression::LogisticRegression(LogisticData data,
                                       double prior_scale,
                                       std::string name,
                                       KnownAnswers known)
    : name_(std::move(name)),
      known_(std::move(known)),
      names_(std::move(data.names)),
      signed_features_((2.0 * data.labels - 1.0).unsqueeze(-1) * data.features),
      prior_scale_(prior_scale) {
  require(std::isfinite(prior_scale) && prior_scale > 0, "prior-scale = {} must be above 0",
          prior_scale);
}

double LogisticRegression::log_prior_norm() const {
  return -static_cast<double>(dim()) * (0.5 * kLog2Pi + std::log(prior_scale_));
}

Tensor LogisticRegression::log_density(const Tensor& x) const {
  require_points(x);
  const Tensor margin = at::matmul(x, signed_features_.like(x).t());
  const Tensor quadratic = x.square().sum(-1) * (-0.5 / (prior_scale_ * prior_scale_));
  return at::log_sigmoid(margin).sum(-1) + quadratic + log_prior_norm();
}

LogDensityAndScore LogisticRegression::log_density_and_score(const Tensor& x) const {
  require_points(x);
  const Tensor features = signed_features_.like(x);
  const Tensor margin = at::matmul(x, features.t());
  const Tensor shrink = x / (prior_scale_ * prior_scale_);
  const Tensor value =
      at::log_sigmoid(margin).sum(-1) - 0.5 * (x * shrink).sum(-1) + log_prior_norm();
  return {value, at::matmul(at::sigmoid(-margin), features) - shrink};
}

Tensor LogisticRegression::hessian_vector_product(const Tensor& x, const Tensor& v) const {
  require_points(x);
  const Tensor features = signed_features_.like(x);
  const Tensor probability = at::sigmoid(at::matmul(x, features.t()));
  const Tensor along = at::matmul(v, features.t());
  const Tensor weighted = probability * (1.0 - probability) * along;
  return -at::matmul(weighted, features) - v / (prior_scale_ * prior_scale_);
}

std::unique_ptr<Target> make_logistic(const TargetOptions& options) {
  return std::make_unique<LogisticRegression>(load_logistic_data(options),
                                              options.prior_scale.value_or(1.0));
}

}  // namespace ergon
