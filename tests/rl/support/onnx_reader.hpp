#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

/// A reader of ONNX models of its own, to judge what export_onnx writes: the wire format of
/// protocol buffers, and the operators of a policy at one input.
namespace ergon::testing {

/// Fields of a message by their numbers; repeated ones in their order. Varints and lengths alike
/// are kept as they are read.
struct Message {
  std::multimap<std::uint32_t, std::uint64_t> integers;
  std::multimap<std::uint32_t, std::string_view> parts;

  explicit Message(std::string_view bytes) {
    while (!bytes.empty()) {
      const std::uint64_t key = varint(bytes);
      const auto field = static_cast<std::uint32_t>(key >> 3);
      if ((key & 7) == 0) {
        integers.emplace(field, varint(bytes));
      } else if ((key & 7) == 2) {
        const std::uint64_t size = varint(bytes);
        if (size > bytes.size()) throw std::runtime_error("a part is longer than its message");
        parts.emplace(field, bytes.substr(0, size));
        bytes.remove_prefix(size);
      } else {
        throw std::runtime_error("a wire type that a policy does not need");
      }
    }
  }

  std::vector<std::string> texts(std::uint32_t field) const {
    std::vector<std::string> all;
    const auto [begin, end] = parts.equal_range(field);
    for (auto part = begin; part != end; ++part) all.emplace_back(part->second);
    return all;
  }
  std::string text(std::uint32_t field) const { return texts(field).at(0); }
  std::vector<Message> messages(std::uint32_t field) const {
    std::vector<Message> all;
    const auto [begin, end] = parts.equal_range(field);
    for (auto part = begin; part != end; ++part) all.emplace_back(part->second);
    return all;
  }

 private:
  static std::uint64_t varint(std::string_view& bytes) {
    std::uint64_t value = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      if (bytes.empty()) throw std::runtime_error("a number without an end");
      const auto byte = static_cast<unsigned char>(bytes.front());
      bytes.remove_prefix(1);
      value |= std::uint64_t{byte & 0x7fu} << shift;
      if (byte < 0x80) return value;
    }
    throw std::runtime_error("a number of more than 64 bits");
  }
};

/// Runs a model of one input row.
class OnnxModel {
 public:
  using Numbers = std::vector<double>;

  explicit OnnxModel(const std::string& bytes)
      : bytes_(bytes), model_(bytes_), graph_(model_.messages(7).at(0)) {
    for (const Message& tensor : graph_.messages(5)) {
      const std::string raw = tensor.text(9);
      std::vector<float> numbers(raw.size() / sizeof(float));
      std::memcpy(numbers.data(), raw.data(), raw.size());
      constants_[tensor.text(8)] = Numbers(numbers.begin(), numbers.end());
    }
  }
  OnnxModel(const OnnxModel&) = delete;
  OnnxModel& operator=(const OnnxModel&) = delete;

  const Message& model() const { return model_; }
  const Message& graph() const { return graph_; }

  /// Every value of the graph by its name.
  std::map<std::string, Numbers> run(const Numbers& observation) const {
    std::map<std::string, Numbers> values = constants_;
    values["observation"] = observation;
    for (const Message& node : graph_.messages(1)) {
      std::vector<Numbers> inputs;
      for (const std::string& name : node.texts(1)) inputs.push_back(values.at(name));
      values[node.text(2)] = computed(node.text(4), inputs);
    }
    return values;
  }

 private:
  static Numbers computed(const std::string& kind, const std::vector<Numbers>& in) {
    Numbers out = kind == "Gemm" ? in.at(2) : in.at(0);
    const auto second = [&](std::size_t i) { return in[1].size() == 1 ? in[1][0] : in[1].at(i); };
    for (std::size_t i = 0; i < out.size(); ++i) {
      double& x = out[i];
      if (kind == "Gemm") {
        for (std::size_t j = 0; j < in[0].size(); ++j)
          x += in[1].at(i * in[0].size() + j) * in[0][j];
      } else if (kind == "Relu") {
        x = x > 0 ? x : 0;
      } else if (kind == "Elu") {
        x = x > 0 ? x : std::expm1(x);
      } else if (kind == "Tanh") {
        x = std::tanh(x);
      } else if (kind == "Mul") {
        x *= second(i);
      } else if (kind == "Add") {
        x += second(i);
      } else if (kind == "Clip") {
        x = std::min(std::max(x, in.at(1).at(0)), in.at(2).at(0));
      } else {
        throw std::runtime_error("the operator " + kind);
      }
    }
    return out;
  }

  std::string bytes_;
  Message model_;
  Message graph_;
  std::map<std::string, Numbers> constants_;
};

}  // namespace ergon::testing
