#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "ergon/core/tensor_io.hpp"
#include "ergon/density/counting.hpp"
#include "session.hpp"

/// Plain values to tensors of a checkpoint and back. The reverse functions throw InvalidInput
/// naming `context`.
namespace ergon::app {

Tensor integers_tensor(const std::vector<std::int64_t>& values);
Tensor numbers_tensor(const std::vector<double>& values);
std::int64_t single_integer(const NamedTensors& saved,
                            const std::string& name,
                            const std::string& context);
double single_number(const NamedTensors& saved,
                     const std::string& name,
                     const std::string& context);

Tensor to_tensor(const EvaluationCounts& counts);
EvaluationCounts to_counts(const Tensor& tensor, const std::string& context);

NamedTensors to_tensors(const FitRecord& record);
FitRecord to_fit_record(const NamedTensors& saved, const std::string& context);

/// Adds tensors with a prefix before their names.
void append(NamedTensors& tensors, const std::string& prefix, const NamedTensors& more);
/// The tensors with this prefix, without it.
NamedTensors extract(const NamedTensors& tensors, const std::string& prefix);

}  // namespace ergon::app
