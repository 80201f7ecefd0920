#include <ATen/ATen.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <utility>

#include "ergon/core/errors.hpp"
#include "ergon/core/option_json.hpp"
#include "ergon/flow/normalizing_flow.hpp"

// A flow in a file: its parameters, and a member of JSON text that says how to build its layers.

namespace ergon {
namespace {

constexpr const char* kOptions = "options";
constexpr std::int64_t kFormat = 1;

/// What a file says besides the parameters.
struct Described {
  NormalizingFlowOptions options;
  std::int64_t format = kFormat;
  std::int64_t dim = 0;
  std::string type = "float64";
  std::int64_t seed = 0;
};

template <class Self, class Visitor>
void visit_described(Self& self, Visitor&& visit) {
  visit("format", self.format, "");
  visit("dim", self.dim, "");
  visit("type", self.type, "");
  visit("seed", self.seed, "");
  visit("flow-context-dim", self.options.context_dim, "");
  visit_normalizing_flow_fields(self.options, visit);
}

Tensor as_bytes(const std::string& text) {
  Tensor bytes = at::empty({static_cast<std::int64_t>(text.size())}, at::kByte);
  std::memcpy(bytes.data_ptr(), text.data(), text.size());
  return bytes;
}

std::string as_text(const Tensor& bytes) {
  return {static_cast<const char*>(bytes.data_ptr()), static_cast<std::size_t>(bytes.numel())};
}

Described described_by(const Tensor& bytes, const std::string& path) {
  const bool is_text = bytes.scalar_type() == at::kByte && bytes.dim() == 1;
  const Json json = is_text ? Json::parse(as_text(bytes), nullptr, /*allow_exceptions=*/false)
                            : Json(Json::value_t::discarded);
  require(!json.is_discarded(), "{}: its member '{}' is not the text that describes a flow", path,
          kOptions);
  Described described;
  JsonReader reader(json, path);
  reader("format", described.format, "");
  require(
      described.format == kFormat,
      "{}: a flow of format {}, but this version reads format {}; use the version that wrote it",
      path, described.format, kFormat);
  visit_described(described, reader);
  require(described.type == "float32" || described.type == "float64",
          "{}: parameters of type '{}', but a flow has float32 or float64", path, described.type);
  require(described.dim >= 1, "{}: a flow in {} dimensions", path, described.dim);
  return described;
}

}  // namespace

void NormalizingFlow::save(const std::string& path) const {
  require(options_ != nullptr,
          "{}: a flow of layers of one's own cannot be saved, since a file could not say how to "
          "build them; save its parameters with save_tensors",
          path);
  Described described;
  described.options = *options_;
  described.dim = dim();
  described.type = type_ == at::kFloat ? "float32" : "float64";
  described.seed = static_cast<std::int64_t>(seed_.value());
  Json json;
  visit_described(described, JsonWriter{json});
  NamedTensors arrays = {{kOptions, as_bytes(json.dump(2))}};
  for (const auto& entry : parameters()) arrays.push_back(entry);
  save_tensors(path, arrays);
}

NormalizingFlow NormalizingFlow::load(const std::string& path) {
  NamedTensors arrays = load_tensors(path);
  const auto found = std::find_if(arrays.begin(), arrays.end(),
                                  [](const auto& entry) { return entry.first == kOptions; });
  require(found != arrays.end(),
          "{}: holds no flow, since its member '{}' is missing; flows are written by "
          "NormalizingFlow::save and by ergon fit-flow",
          path, kOptions);
  const Described described = described_by(found->second, path);
  arrays.erase(found);
  const at::ScalarType type = described.type == "float32" ? at::kFloat : at::kDouble;
  try {
    described.options.validate(described.dim);
  } catch (const InvalidInput& problem) {
    fail("{}: its options do not describe a flow: {}", path, problem.what());
  }
  for (const auto& [name, tensor] : arrays) {
    require(tensor.scalar_type() == type, "{}: array '{}' is not of the flow's type {}", path, name,
            described.type);
  }
  NormalizingFlow flow(described.options, described.dim, type,
                       Seed(static_cast<std::uint64_t>(described.seed)));
  flow.set_parameters(arrays, path);
  return flow;
}

}  // namespace ergon
