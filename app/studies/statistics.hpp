#pragma once

#include <string>
#include <vector>

#include "cells.hpp"

/// What studies make of many results: numbers, and words for them.
namespace ergon::app {

/// NaN for none.
double mean(const std::vector<double>& values);
/// Root of the unbiased variance; NaN for fewer than two.
double standard_deviation(const std::vector<double>& values);
/// Of the mean; NaN for fewer than two.
double standard_error(const std::vector<double>& values);
/// NaN for none.
double largest(const std::vector<double>& values);

/// Of a share that was found in n trials, sqrt(share (1 - share) / n); NaN for none.
double binomial_error(double share, std::size_t trials);

/// NaN for null.
double number_of(const Json& json);
/// A number of a result by its place, e.g. "/log_z/estimate"; NaN where it is null or absent.
double number_at(const Json& result, const std::string& pointer);
/// The numbers at this place of those results that have one.
std::vector<double> numbers_at(const CellGroup& group, const std::string& pointer);
/// The group without its failed runs.
CellGroup finished_of(const CellGroup& group);

/// Whether the run warned with a sentence that contains `words`.
bool warned(const Json& result, const std::string& words);

/// The value, or null where it is not finite.
Json finite(double value);

/// "0.0123" with this many decimals, "-" for NaN.
std::string fixed(double value, int decimals);
std::string with_sign(double value, int decimals);
/// "14.06 ± 0.02", or the number alone where there is no standard error.
std::string with_error(double value, double standard_error, int decimals);

/// A table: the first column to the left, the others to the right.
std::string markdown_table(const std::vector<std::string>& headings,
                           const std::vector<std::vector<std::string>>& lines);

/// Flat objects to CSV; columns in the order in which keys first appear, null as nothing.
std::string csv_of(const Json& rows);

}  // namespace ergon::app
