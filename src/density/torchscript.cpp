#include "ergon/density/torchscript.hpp"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <c10/core/GradMode.h>
#include <c10/core/InferenceMode.h>
#include <fmt/ranges.h>
#include <torch/csrc/jit/api/module.h>
#include <torch/csrc/jit/runtime/graph_executor.h>
#include <torch/csrc/jit/serialization/import.h>

#include <mutex>
#include <utility>
#include <vector>

#include "ergon/core/errors.hpp"
#include "ergon/core/files.hpp"

namespace ergon {
namespace {

constexpr std::int64_t kTrialPoints = 3;

/// The line of TorchScript's many that says what happened: the last one that is not blank.
std::string last_line(const std::string& text) {
  const auto end = text.find_last_not_of(" \n\t");
  if (end == std::string::npos) return "no reason given";
  const auto start = text.find_last_of('\n', end);
  return text.substr(start == std::string::npos ? 0 : start + 1,
                     end - (start == std::string::npos ? 0 : start + 1) + 1);
}

torch::jit::Module load(const std::string& path) {
  require(file_exists(path), "{}: no such file; expected a TorchScript model", path);
  try {
    return torch::jit::load(path, at::kCPU);
  } catch (const std::exception&) {
    fail("{}: not a TorchScript file; write one with torch.jit.script(model).save(path)", path);
  }
}

std::string entry_point(const torch::jit::Module& module, const std::string& path) {
  for (const char* name : {"log_prob", "forward"}) {
    if (module.find_method(name)) return name;
  }
  fail(
      "{}: the model has neither a method log_prob(x) nor forward(x); mark it with "
      "@torch.jit.export",
      path);
}

std::int64_t dimension(const torch::jit::Module& module,
                       const std::optional<std::int64_t>& dim,
                       const std::string& path) {
  if (!module.hasattr("dim") || !module.attr("dim").isInt()) {
    require(dim.has_value(),
            "{}: give the model's dimension with --dim, or give it an attribute dim", path);
    return *dim;
  }
  const std::int64_t own = module.attr("dim").toInt();
  require(own >= 1, "{}: the model's attribute dim = {} must be at least 1", path, own);
  require(!dim || *dim == own, "{}: dim = {} but the model says dim = {}", path, dim.value_or(0),
          own);
  return own;
}

}  // namespace

class TorchScriptDensity::Model {
 public:
  explicit Model(std::string path)
      : path_(std::move(path)), original_(load(path_)), method_(entry_point(original_, path_)) {
    original_.eval();
    for (const Tensor& parameter : original_.parameters()) parameter.requires_grad_(false);
  }

  const std::string& path() const { return path_; }
  const std::string& method() const { return method_; }
  const torch::jit::Module& original() const { return original_; }

  /// rows (n, D) -> whatever the model returns. Throws what TorchScript throws.
  c10::IValue call(const Tensor& rows) const {
    // The optimising executor changes its plan after the first calls, and with it the last bits of
    // the results.
    const torch::jit::GraphOptimizerEnabledGuard no_optimizer(false);
    torch::jit::Module module = module_for(rows);
    return module.get_method(method_)({rows});
  }

 private:
  struct Copy {
    at::ScalarType type;
    at::Device device;
    torch::jit::Module module;
  };

  torch::jit::Module module_for(const Tensor& rows) const {
    const std::lock_guard<std::mutex> lock(mutex_);
    for (const Copy& copy : copies_) {
      if (copy.type == rows.scalar_type() && copy.device == rows.device()) return copy.module;
    }
    const c10::InferenceMode no_inference(false);
    const c10::AutoGradMode no_grad(false);
    torch::jit::Module module = original_.clone();
    module.to(rows.device(), rows.scalar_type());
    copies_.push_back({rows.scalar_type(), rows.device(), module});
    return module;
  }

  std::string path_;
  torch::jit::Module original_;
  std::string method_;
  mutable std::mutex mutex_;
  mutable std::vector<Copy> copies_;
};

TorchScriptDensity::TorchScriptDensity(const std::string& path, std::optional<std::int64_t> dim)
    : model_(std::make_unique<Model>(path)), dim_(dimension(model_->original(), dim, path)) {
  c10::IValue result;
  try {
    const c10::AutoGradMode grad(true);
    result = model_->call(at::zeros({kTrialPoints, dim_}, at::kDouble).requires_grad_());
  } catch (const std::exception& problem) {
    fail("{}: {}(x) failed on zeros of shape ({}, {}): {}", path, model_->method(), kTrialPoints,
         dim_, last_line(problem.what()));
  }
  require(result.isTensor() && result.toTensor().is_floating_point(),
          "{}: {}(x) must return a tensor of floating-point numbers", path, model_->method());
  const Tensor values = result.toTensor();
  require(values.sizes() == at::IntArrayRef({kTrialPoints}),
          "{}: {}(x) maps ({}, {}) to ({}) but must map it to ({}), one log-density per row", path,
          model_->method(), kTrialPoints, dim_, fmt::join(values.sizes(), ", "), kTrialPoints);
  require(values.requires_grad(),
          "{}: {}(x) has no gradient in x: write it with operations that torch can differentiate, "
          "without detach() "
          "or numpy",
          path, model_->method());
  require(!values.isnan().any().item<bool>(),
          "{}: {}(x) is NaN at the origin; a log-density is a number, or -infinity where the "
          "density is zero",
          path, model_->method());
}

TorchScriptDensity::~TorchScriptDensity() = default;

Tensor TorchScriptDensity::log_density(const Tensor& x) const {
  require_points(x);
  const Tensor rows = x.reshape({-1, dim_});
  const auto shape = x.sizes().slice(0, static_cast<std::size_t>(x.dim()) - 1);
  c10::IValue result;
  try {
    result = model_->call(rows);
  } catch (const std::exception& problem) {
    fail("{}: {}(x) failed on points of shape ({}, {}): {}", model_->path(), model_->method(),
         rows.size(0), dim_, last_line(problem.what()));
  }
  const bool fits = result.isTensor() && result.toTensor().dim() == 1 &&
                    result.toTensor().size(0) == rows.size(0);
  require(fits,
          "{}: {}(x) must map ({}, {}) to ({}); a model that was traced may have fixed its number "
          "of rows",
          model_->path(), model_->method(), rows.size(0), dim_, rows.size(0));
  return result.toTensor().to(x.scalar_type()).view(shape);
}

}  // namespace ergon
