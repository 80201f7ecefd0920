#include "ergon/rl/policy_onnx.hpp"

#include <utility>
#include <vector>

#include "ergon/core/errors.hpp"
#include "ergon/core/files.hpp"
#include "ergon/core/machine.hpp"
#include "protobuf.hpp"

// Field numbers are those of onnx.proto3 (https://github.com/onnx/onnx/blob/main/onnx/onnx.proto3).

namespace ergon {
namespace {

using internal::ProtobufMessage;

namespace model_field {
constexpr std::uint32_t kFormat = 1, kProducer = 2, kProducerVersion = 3, kGraph = 7, kOpset = 8,
                        kMetadata = 14;
}
namespace graph_field {
constexpr std::uint32_t kNode = 1, kName = 2, kInitializer = 5, kInput = 11, kOutput = 12;
}
namespace node_field {
constexpr std::uint32_t kInput = 1, kOutput = 2, kName = 3, kOperator = 4, kAttribute = 5;
}
namespace attribute_field {
constexpr std::uint32_t kName = 1, kInteger = 3, kType = 20;
}
namespace tensor_field {
constexpr std::uint32_t kSize = 1, kType = 2, kName = 8, kBytes = 9;
}
constexpr std::int64_t kFloat32 = 1;      // TensorProto.DataType
constexpr std::int64_t kIntegerType = 2;  // AttributeProto.AttributeType

using Names = std::vector<std::string>;

/// A graph under construction: nodes in the order in which they are computed.
class Graph {
 public:
  /// An array of constants; returns its name.
  std::string constant(const std::string& name,
                       const std::vector<std::int64_t>& sizes,
                       const float* numbers) {
    std::size_t count = 1;
    ProtobufMessage tensor;
    for (const std::int64_t size : sizes) {
      tensor.integer(tensor_field::kSize, size);
      count *= static_cast<std::size_t>(size);
    }
    // Little-endian, as the machines that this is built for.
    tensor.integer(tensor_field::kType, kFloat32)
        .bytes(tensor_field::kName, name)
        .bytes(tensor_field::kBytes,
               {reinterpret_cast<const char*>(numbers), count * sizeof(float)});
    graph_.message(graph_field::kInitializer, tensor);
    return name;
  }
  std::string constant(const std::string& name, const std::vector<float>& numbers) {
    return constant(name, {static_cast<std::int64_t>(numbers.size())}, numbers.data());
  }
  std::string scalar(const std::string& name, double number) {
    const auto value = static_cast<float>(number);
    return constant(name, {}, &value);
  }

  /// A node of one output, after which it is called; returns that name.
  std::string node(const char* kind,
                   const Names& inputs,
                   const std::string& output,
                   const ProtobufMessage* attribute = nullptr) {
    ProtobufMessage node;
    for (const std::string& input : inputs) node.bytes(node_field::kInput, input);
    node.bytes(node_field::kOutput, output)
        .bytes(node_field::kName, "node_" + output)
        .bytes(node_field::kOperator, kind);
    if (attribute != nullptr) node.message(node_field::kAttribute, *attribute);
    graph_.message(graph_field::kNode, node);
    return output;
  }

  /// A float32 input or output of the model, (batch x size).
  void edge(std::uint32_t field, const std::string& name, std::int64_t size) {
    ProtobufMessage sizes, tensor, type, value;
    sizes.message(1, ProtobufMessage().bytes(2, "batch"))
        .message(1, ProtobufMessage().integer(1, size));
    tensor.integer(1, kFloat32).message(2, sizes);
    type.message(1, tensor);
    value.bytes(1, name).message(2, type);
    graph_.message(field, value);
  }

  ProtobufMessage finished(const std::string& name) {
    graph_.bytes(graph_field::kName, name);
    return std::move(graph_);
  }

 private:
  ProtobufMessage graph_;
};

/// Outputs first, ..., first + count - 1 of a layer.
struct LayerPart {
  std::int64_t layer, first, count;
};

/// input weight^T + bias.
std::string linear(Graph& graph,
                   const PolicyDescription& policy,
                   const LayerPart& part,
                   const std::string& input,
                   const std::string& output) {
  const MlpShape& shape = policy.shape;
  const std::int64_t in = shape.layer_input(part.layer);
  const float* weights = policy.parameters.data() + shape.weight_offset(part.layer);
  const float* biases = policy.parameters.data() + shape.bias_offset(part.layer);
  const std::string weight =
      graph.constant(output + ".weight", {part.count, in}, weights + part.first * in);
  const std::string bias = graph.constant(output + ".bias", {part.count}, biases + part.first);
  ProtobufMessage transposed;
  transposed.bytes(attribute_field::kName, "transB")
      .integer(attribute_field::kInteger, 1)
      .integer(attribute_field::kType, kIntegerType);
  return graph.node("Gemm", {input, weight, bias}, output, &transposed);
}

const char* operator_of(MlpActivation activation) {
  switch (activation) {
    case MlpActivation::kRelu:
      return "Relu";
    case MlpActivation::kTanh:
      return "Tanh";
    case MlpActivation::kElu:
      return "Elu";  // alpha = 1 unless said
  }
  ERGON_CHECK(false, "activation {} has no operator", static_cast<int>(activation));
}

/// As LogStddevMap says.
void add_log_stddev(Graph& graph, const PolicyDescription& policy, const std::string& raw) {
  const double low = policy.log_stddev_low, high = policy.log_stddev_high;
  if (policy.log_stddev_map == LogStddevMap::kClip) {
    graph.node("Clip",
               {raw, graph.scalar("log_stddev_low", low), graph.scalar("log_stddev_high", high)},
               "log_stddev");
    return;
  }
  const std::string squashed = graph.node("Tanh", {raw}, "squashed_log_stddev");
  const std::string spread = graph.scalar("log_stddev_half_range", (high - low) / 2);
  const std::string scaled = graph.node("Mul", {squashed, spread}, "scaled_log_stddev");
  graph.node("Add", {scaled, graph.scalar("log_stddev_centre", (high + low) / 2)}, "log_stddev");
}

void add_action(Graph& graph, const PolicyDescription& policy) {
  if (policy.action_low.empty()) {
    graph.node("Tanh", {"mean"}, "action");
    return;
  }
  std::vector<float> half_range, centre;
  for (std::size_t i = 0; i < policy.action_low.size(); ++i) {
    half_range.push_back(static_cast<float>((policy.action_high[i] - policy.action_low[i]) / 2));
    centre.push_back(static_cast<float>((policy.action_high[i] + policy.action_low[i]) / 2));
  }
  const std::string squashed = graph.node("Tanh", {"mean"}, "squashed");
  const std::string scaled =
      graph.node("Mul", {squashed, graph.constant("action_half_range", half_range)}, "scaled");
  graph.node("Add", {scaled, graph.constant("action_centre", centre)}, "action");
}

ProtobufMessage graph_of(const PolicyDescription& policy) {
  Graph graph;
  const std::int64_t last = policy.shape.layers() - 1, actions = policy.action_dim();
  std::string values = "observation";
  for (std::int64_t layer = 0; layer < last; ++layer) {
    values = linear(graph, policy, {layer, 0, policy.shape.layer_output(layer)}, values,
                    fmt::format("linear_{}", layer));
    values =
        graph.node(operator_of(policy.shape.activation), {values}, fmt::format("hidden_{}", layer));
  }
  linear(graph, policy, {last, 0, actions}, values, "mean");
  add_log_stddev(graph, policy,
                 linear(graph, policy, {last, actions, actions}, values, "raw_log_stddev"));
  add_action(graph, policy);
  graph.edge(graph_field::kInput, "observation", policy.observation_dim());
  for (const char* output : {"action", "mean", "log_stddev"})
    graph.edge(graph_field::kOutput, output, actions);
  return graph.finished("policy");
}

}  // namespace

std::string policy_onnx(const PolicyDescription& policy) {
  make_policy(policy);  // refuses sizes that do not fit
  ProtobufMessage model;
  model.integer(model_field::kFormat, kOnnxFormat)
      .bytes(model_field::kProducer, "ergon")
      .bytes(model_field::kProducerVersion, ergon_version())
      .message(model_field::kGraph, graph_of(policy))
      .message(model_field::kOpset, ProtobufMessage().bytes(1, "").integer(2, kOnnxOpset));
  const std::pair<const char*, std::string> words[] = {{"environment", policy.environment},
                                                       {"algorithm", policy.algorithm},
                                                       {"steps", std::to_string(policy.steps)},
                                                       {"seed", std::to_string(policy.seed)},
                                                       {"model_hash", policy.model_hash}};
  for (const auto& [key, word] : words)
    model.message(model_field::kMetadata, ProtobufMessage().bytes(1, key).bytes(2, word));
  return model.content();
}

void export_onnx(const PolicyDescription& policy, const std::string& path) {
  write_file(path, policy_onnx(policy));
}

}  // namespace ergon
