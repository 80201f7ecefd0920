#include "ergon/core/tensor_io.hpp"

#include <ATen/ATen.h>

#include <cstring>

#include "ergon/core/errors.hpp"

namespace ergon {
namespace {

at::ScalarType scalar_type(ElementType type) {
  switch (type) {
    case ElementType::kFloat32:
      return at::kFloat;
    case ElementType::kFloat64:
      return at::kDouble;
    case ElementType::kInt64:
      return at::kLong;
    case ElementType::kUInt8:
      return at::kByte;
    case ElementType::kBool:
      return at::kBool;
  }
  ERGON_CHECK(false, "element type {} is unknown", static_cast<int>(type));
}

ElementType element_type(const std::string& name, at::ScalarType type) {
  switch (type) {
    case at::kFloat:
      return ElementType::kFloat32;
    case at::kDouble:
      return ElementType::kFloat64;
    case at::kLong:
      return ElementType::kInt64;
    case at::kByte:
      return ElementType::kUInt8;
    case at::kBool:
      return ElementType::kBool;
    default:
      fail(
          "array '{}' holds {} elements, which cannot be saved; convert it to float32, float64, "
          "int64, uint8 or bool",
          name, at::toString(type));
  }
}

}  // namespace

const Tensor& find_tensor(const NamedTensors& tensors,
                          const std::string& name,
                          const std::string& context) {
  for (const auto& [key, tensor] : tensors) {
    if (key == name) return tensor;
  }
  fail("{}: array '{}' is missing; was it written by another program or version?", context, name);
}

NpzArray to_npz_array(const std::string& name, const Tensor& tensor) {
  require(tensor.defined(), "array '{}' is undefined and cannot be saved", name);
  NpzArray array;
  array.name = name;
  array.type = element_type(name, tensor.scalar_type());
  array.shape = tensor.sizes().vec();
  const Tensor plain = tensor.detach().to(at::kCPU).contiguous();
  array.bytes.resize(plain.nbytes());
  if (!array.bytes.empty()) std::memcpy(array.bytes.data(), plain.data_ptr(), array.bytes.size());
  return array;
}

Tensor to_tensor(const NpzArray& array) {
  Tensor tensor = at::empty(array.shape, at::TensorOptions().dtype(scalar_type(array.type)));
  ERGON_CHECK(tensor.nbytes() == array.bytes.size(),
              "array '{}' has {} bytes where its shape and type need {}", array.name,
              array.bytes.size(), tensor.nbytes());
  if (!array.bytes.empty()) std::memcpy(tensor.data_ptr(), array.bytes.data(), array.bytes.size());
  return tensor;
}

Tensor to_tensor(const CsvTable& table) {
  const auto rows = static_cast<std::int64_t>(table.rows);
  const auto cols = static_cast<std::int64_t>(table.cols);
  Tensor tensor = at::empty({rows, cols}, at::TensorOptions().dtype(at::kDouble));
  ERGON_CHECK(table.values.size() == table.rows * table.cols,
              "table '{}' has {} values for {} rows and {} columns", table.path,
              table.values.size(), rows, cols);
  if (!table.values.empty())
    std::memcpy(tensor.data_ptr<double>(), table.values.data(), tensor.nbytes());
  return tensor;
}

void save_tensors(const std::string& path, const NamedTensors& tensors) {
  std::vector<NpzArray> arrays;
  arrays.reserve(tensors.size());
  for (const auto& [name, tensor] : tensors) arrays.push_back(to_npz_array(name, tensor));
  write_npz(path, arrays);
}

NamedTensors load_tensors(const std::string& path) {
  NamedTensors tensors;
  for (const NpzArray& array : read_npz(path)) tensors.emplace_back(array.name, to_tensor(array));
  return tensors;
}

}  // namespace ergon
