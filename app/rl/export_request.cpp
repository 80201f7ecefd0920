#include "rl/export_request.hpp"

namespace ergon {

const std::vector<EnumName<app::ExportFormat>>& EnumNames<app::ExportFormat>::all() {
  using app::ExportFormat;
  static const std::vector<EnumName<ExportFormat>> names = {
      {ExportFormat::kTorchScript, "torchscript", "policy.pt, for libtorch and Python's torch"},
      {ExportFormat::kOnnx, "onnx", "policy.onnx, for ONNX runtimes"},
      {ExportFormat::kSafetensors, "safetensors",
       "policy.safetensors, weights as those of torch.nn.Linear"}};
  return names;
}

namespace app {

const char* export_file_name(ExportFormat format) {
  switch (format) {
    case ExportFormat::kTorchScript:
      return "policy.pt";
    case ExportFormat::kOnnx:
      return "policy.onnx";
    case ExportFormat::kSafetensors:
      return "policy.safetensors";
  }
  ERGON_CHECK(false, "format {} has no file", static_cast<int>(format));
}

}  // namespace app
}  // namespace ergon
