#pragma once

#include <string>

#include "ergon/core/enum_names.hpp"

namespace ergon::app {

enum class ExportFormat { kTorchScript, kOnnx, kSafetensors };

/// A policy and the file it becomes: all that an engine is told.
struct ExportRequest {
  std::string agent;  ///< a policy file
  ExportFormat format = ExportFormat::kTorchScript;
  std::string out;
};

/// Of the engine without libtorch: ONNX and safetensors.
inline constexpr const char* kExportSymbol = "ergon_rl_engine_export";
/// Of the engine with libtorch: TorchScript.
inline constexpr const char* kExportScriptSymbol = "ergon_engine_export_policy";

/// "policy.pt", "policy.onnx", "policy.safetensors".
const char* export_file_name(ExportFormat format);

}  // namespace ergon::app

namespace ergon {
// clang-format off
template <> struct EnumNames<app::ExportFormat> { static const std::vector<EnumName<app::ExportFormat>>& all(); };
// clang-format on
}  // namespace ergon
