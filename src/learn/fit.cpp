#include "ergon/learn/fit.hpp"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>

#include "ergon/core/errors.hpp"

namespace ergon {
namespace {

std::int64_t column_count() { return static_cast<std::int64_t>(fit_columns().size()); }

FitRow to_row(const double* numbers) {
  return {static_cast<std::int64_t>(numbers[0]),
          numbers[1],
          numbers[2],
          numbers[3],
          numbers[4],
          numbers[5]};
}

}  // namespace

const std::vector<std::string>& fit_columns() {
  static const std::vector<std::string> columns = {"iteration",     "objective", "gradient_norm",
                                                   "learning_rate", "held_out",  "held_out_ess"};
  return columns;
}

std::vector<double> to_numbers(const FitRow& row) {
  return {static_cast<double>(row.iteration),
          row.objective,
          row.gradient_norm,
          row.learning_rate,
          row.held_out,
          row.held_out_ess};
}

Tensor to_tensor(const std::vector<FitRow>& trace) {
  std::vector<double> numbers;
  for (const FitRow& row : trace) {
    const auto values = to_numbers(row);
    numbers.insert(numbers.end(), values.begin(), values.end());
  }
  return at::tensor(numbers, at::kDouble).view({-1, column_count()});
}

std::vector<FitRow> to_fit_trace(const Tensor& rows, const std::string& context) {
  require(rows.dim() == 2 && rows.size(1) == column_count() && rows.scalar_type() == at::kDouble,
          "{}: the trace of the fit is damaged", context);
  const Tensor numbers = rows.contiguous();
  std::vector<FitRow> trace;
  for (std::int64_t i = 0; i < numbers.size(0); ++i)
    trace.push_back(to_row(numbers.data_ptr<double>() + i * column_count()));
  return trace;
}

double cosine_decay(double first, double last, std::int64_t iteration, std::int64_t iterations) {
  const double share = static_cast<double>(iteration - 1) /
                       static_cast<double>(std::max<std::int64_t>(iterations - 1, 1));
  return last + (first - last) * (0.5 * (1 + std::cos(M_PI * share)));
}

}  // namespace ergon
