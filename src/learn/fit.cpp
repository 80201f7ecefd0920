#include "ergon/learn/fit.hpp"

namespace ergon {

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

FitRow fit_row_from_numbers(const double* numbers) {
  return {static_cast<std::int64_t>(numbers[0]),
          numbers[1],
          numbers[2],
          numbers[3],
          numbers[4],
          numbers[5]};
}

}  // namespace ergon
