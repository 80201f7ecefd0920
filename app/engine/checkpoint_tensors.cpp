#include "checkpoint_tensors.hpp"

#include <ATen/ATen.h>

#include "ergon/core/errors.hpp"

namespace ergon::app {
namespace {

const Tensor& expect(const NamedTensors& saved,
                     const std::string& name,
                     at::ScalarType type,
                     const std::string& context) {
  const Tensor& tensor = find_tensor(saved, name, context);
  require(tensor.scalar_type() == type, "{}: {} is of the wrong type", context, name);
  return tensor;
}

}  // namespace

Tensor integers_tensor(const std::vector<std::int64_t>& values) {
  return at::tensor(values, at::kLong);
}
Tensor numbers_tensor(const std::vector<double>& values) { return at::tensor(values, at::kDouble); }

std::int64_t single_integer(const NamedTensors& saved,
                            const std::string& name,
                            const std::string& context) {
  const Tensor& tensor = expect(saved, name, at::kLong, context);
  require(tensor.numel() == 1, "{}: {} is not one number", context, name);
  return tensor.item<std::int64_t>();
}

double single_number(const NamedTensors& saved,
                     const std::string& name,
                     const std::string& context) {
  const Tensor& tensor = expect(saved, name, at::kDouble, context);
  require(tensor.numel() == 1, "{}: {} is not one number", context, name);
  return tensor.item<double>();
}

Tensor to_tensor(const EvaluationCounts& counts) {
  return integers_tensor({counts.log_density, counts.gradient, counts.hessian_vector});
}

EvaluationCounts to_counts(const Tensor& tensor, const std::string& context) {
  require(tensor.scalar_type() == at::kLong && tensor.numel() == 3,
          "{}: the counts of evaluations are damaged", context);
  const auto* counts = tensor.data_ptr<std::int64_t>();
  return {counts[0], counts[1], counts[2]};
}

NamedTensors to_tensors(const FitRecord& record) {
  return {{"trace", ergon::to_tensor(record.trace)},
          {"objective", numbers_tensor({record.objective})},
          {"skipped", integers_tensor({record.skipped})},
          {"evaluations", to_tensor(record.evaluations)},
          {"seconds", numbers_tensor({record.seconds})}};
}

FitRecord to_fit_record(const NamedTensors& saved, const std::string& context) {
  FitRecord record;
  record.trace = to_fit_trace(find_tensor(saved, "trace", context), context);
  record.objective = single_number(saved, "objective", context);
  record.skipped = single_integer(saved, "skipped", context);
  record.evaluations = to_counts(find_tensor(saved, "evaluations", context), context);
  record.seconds = single_number(saved, "seconds", context);
  return record;
}

void append(NamedTensors& tensors, const std::string& prefix, const NamedTensors& more) {
  for (const auto& [name, tensor] : more) tensors.emplace_back(prefix + name, tensor);
}

NamedTensors extract(const NamedTensors& tensors, const std::string& prefix) {
  NamedTensors found;
  for (const auto& [name, tensor] : tensors) {
    if (name.rfind(prefix, 0) == 0) found.emplace_back(name.substr(prefix.size()), tensor);
  }
  return found;
}

}  // namespace ergon::app
