#pragma once

#include <string>
#include <utility>
#include <vector>

#include "ergon/core/csv.hpp"
#include "ergon/core/npz.hpp"
#include "ergon/core/tensor.hpp"

namespace ergon {

/// Named tensors in a fixed order: what a checkpoint or a set of learned parameters is made of.
using NamedTensors = std::vector<std::pair<std::string, Tensor>>;

/// The entry called `name`. Throws InvalidInput naming `context` (a file, a role) when there is
/// none.
const Tensor& find_tensor(const NamedTensors& tensors,
                          const std::string& name,
                          const std::string& context);

/// Saves tensors (float32, float64, int64, uint8, bool; any device) with write_npz; loading
/// restores the same bits on the CPU.
void save_tensors(const std::string& path, const NamedTensors& tensors);
NamedTensors load_tensors(const std::string& path);

NpzArray to_npz_array(const std::string& name, const Tensor& tensor);
Tensor to_tensor(const NpzArray& array);
/// (rows x cols) float64.
Tensor to_tensor(const CsvTable& table);

}  // namespace ergon
