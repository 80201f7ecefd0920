#include "ergon/rl/policy_file.hpp"

#include <cmath>
#include <utility>

#include "ergon/core/errors.hpp"
#include "ergon/core/option_json.hpp"
#include "ergon/core/safetensors.hpp"
#include "gaussian_policy.hpp"

namespace ergon {
namespace {

constexpr const char* kFormat = "ergon policy 1";
constexpr std::int64_t kMostLayers = 64;

std::string layer_name(std::int64_t layer, const char* what) {
  return fmt::format("policy.{}.{}", layer, what);
}

/// `subject` begins the sentence: a path, or "the policy".
void require_consistent(const PolicyDescription& policy, const std::string& subject) {
  policy.shape.validate();
  const std::int64_t actions = policy.action_dim();
  require(policy.shape.output == 2 * actions, "{}: the network has {} outputs, not an even number",
          subject, policy.shape.output);
  require(static_cast<std::int64_t>(policy.parameters.size()) == policy.shape.parameter_count(),
          "{}: the network has {} parameters, its layers need {}", subject,
          policy.parameters.size(), policy.shape.parameter_count());
  require(std::isfinite(policy.log_stddev_low) && std::isfinite(policy.log_stddev_high) &&
              policy.log_stddev_low < policy.log_stddev_high,
          "{}: the log standard deviations have the range [{}, {}]", subject, policy.log_stddev_low,
          policy.log_stddev_high);
  const std::size_t known = policy.action_low.size();
  require(known == policy.action_high.size() &&
              (known == 0 || static_cast<std::int64_t>(known) == actions),
          "{}: {} actions have {} lower and {} upper ends of their range", subject, actions,
          policy.action_low.size(), policy.action_high.size());
  for (std::size_t i = 0; i < known; ++i) {
    const double low = policy.action_low[i], high = policy.action_high[i];
    require(std::isfinite(low) && std::isfinite(high) && low < high,
            "{}: action {} has the range [{}, {}]", subject, i, low, high);
  }
}

/// The value of a word that is JSON, of the type that its place needs.
template <class Value>
Value value_of(const SafetensorsFile& file, const char* word) {
  const Json json = Json::parse(file.word(word), nullptr, false);
  try {
    return json.get<Value>();
  } catch (const nlohmann::json::exception&) {
    fail(
        "{}: the word '{}' is '{}', which it cannot be; the file is damaged or not a policy of "
        "ours",
        file.path(), word, file.word(word));
  }
}

/// Sizes from those of the arrays, each layer's input being the last one's output.
MlpShape read_shape(const SafetensorsFile& file) {
  MlpShape shape;
  shape.hidden.clear();
  std::int64_t layers = 0;
  while (layers <= kMostLayers && file.has(layer_name(layers, "weight"))) ++layers;
  require(layers >= 2 && layers <= kMostLayers,
          "{}: a policy has 2 to {} layers, here {} are found; the file is damaged or not a policy "
          "of ours",
          file.path(), kMostLayers, layers);
  for (std::int64_t layer = 0; layer < layers; ++layer) {
    const std::string name = layer_name(layer, "weight");
    const std::vector<std::int64_t> sizes = file.shape(name);
    const std::int64_t before = layer == 0 ? 0 : shape.hidden.back();
    require(
        sizes.size() == 2 && sizes[0] >= 1 && sizes[1] >= 1 && (layer == 0 || sizes[1] == before),
        "{}: the array '{}' has the shape [{}], which does not follow the layer before it",
        file.path(), name, fmt::join(sizes, ", "));
    if (layer == 0) shape.input = sizes[1];
    shape.hidden.push_back(sizes[0]);
  }
  shape.output = shape.hidden.back();
  shape.hidden.pop_back();
  shape.activation =
      from_name<MlpActivation>(file.path() + ": policy.activation", file.word("policy.activation"));
  return shape;
}

}  // namespace

void add_policy(const PolicyDescription& policy, SafetensorsWriter& file) {
  require_consistent(policy, "the policy to be saved");
  file.add_word("policy.format", kFormat);
  file.add_word("policy.environment", policy.environment);
  file.add_word("policy.algorithm", policy.algorithm);
  file.add_word("policy.steps", fmt::format("{}", policy.steps));
  file.add_word("policy.seed", fmt::format("{}", policy.seed));
  file.add_word("policy.model_hash", policy.model_hash);
  file.add_word("policy.action_low", Json(policy.action_low).dump());
  file.add_word("policy.action_high", Json(policy.action_high).dump());
  file.add_word("policy.activation", std::string(to_name(policy.shape.activation)));
  file.add_word("policy.log_stddev_map", std::string(to_name(policy.log_stddev_map)));
  file.add_word("policy.log_stddev_low", Json(policy.log_stddev_low).dump());
  file.add_word("policy.log_stddev_high", Json(policy.log_stddev_high).dump());
  const MlpShape& shape = policy.shape;
  const float* numbers = policy.parameters.data();
  for (std::int64_t layer = 0; layer < shape.layers(); ++layer) {
    const std::int64_t in = shape.layer_input(layer), out = shape.layer_output(layer);
    file.add(layer_name(layer, "weight"), {out, in}, numbers + shape.weight_offset(layer));
    file.add(layer_name(layer, "bias"), {out}, numbers + shape.bias_offset(layer));
  }
}

PolicyDescription read_policy(const SafetensorsFile& file) {
  require(file.has_word("policy.format"), "{}: is not a policy of ours (no word 'policy.format')",
          file.path());
  require(file.word("policy.format") == kFormat, "{}: is a '{}'; this version reads '{}'",
          file.path(), file.word("policy.format"), kFormat);
  PolicyDescription policy;
  policy.environment = file.word("policy.environment");
  policy.algorithm = file.word("policy.algorithm");
  policy.steps = value_of<std::int64_t>(file, "policy.steps");
  policy.seed = value_of<std::uint64_t>(file, "policy.seed");
  policy.model_hash = file.word("policy.model_hash");
  policy.action_low = value_of<std::vector<double>>(file, "policy.action_low");
  policy.action_high = value_of<std::vector<double>>(file, "policy.action_high");
  policy.shape = read_shape(file);
  policy.log_stddev_map = from_name<LogStddevMap>(file.path() + ": policy.log_stddev_map",
                                                  file.word("policy.log_stddev_map"));
  policy.log_stddev_low = value_of<double>(file, "policy.log_stddev_low");
  policy.log_stddev_high = value_of<double>(file, "policy.log_stddev_high");
  const MlpShape& shape = policy.shape;
  policy.parameters.resize(static_cast<std::size_t>(shape.parameter_count()));
  float* numbers = policy.parameters.data();
  for (std::int64_t layer = 0; layer < shape.layers(); ++layer) {
    const std::int64_t in = shape.layer_input(layer), out = shape.layer_output(layer);
    file.read(layer_name(layer, "weight"), numbers + shape.weight_offset(layer), in * out);
    file.read(layer_name(layer, "bias"), numbers + shape.bias_offset(layer), out);
  }
  require_consistent(policy, file.path());
  return policy;
}

void save_policy_file(const PolicyDescription& policy, const std::string& path) {
  SafetensorsWriter file;
  add_policy(policy, file);
  file.save(path);
}

PolicyDescription load_policy_file(const std::string& path) {
  return read_policy(SafetensorsFile(path, true));
}

std::unique_ptr<Policy> make_policy(const PolicyDescription& policy) {
  require_consistent(policy, "the policy");
  const SquashedGaussian<float> density{policy.action_dim(), policy.log_stddev_map,
                                        policy.log_stddev_low, policy.log_stddev_high};
  return std::make_unique<internal::GaussianPolicy<float>>(policy.shape, density,
                                                           policy.parameters.data());
}

}  // namespace ergon
