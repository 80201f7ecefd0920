#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace ergon {

/// Number types that the files hold; their names there: F32, F64, I64, U64, U8.
enum class NumberType { kFloat32, kFloat64, kInt64, kUint64, kUint8 };

template <class Number>
struct NumberTypeOf;
template <>
struct NumberTypeOf<float> {
  static constexpr NumberType kType = NumberType::kFloat32;
};
template <>
struct NumberTypeOf<double> {
  static constexpr NumberType kType = NumberType::kFloat64;
};
template <>
struct NumberTypeOf<std::int64_t> {
  static constexpr NumberType kType = NumberType::kInt64;
};
template <>
struct NumberTypeOf<std::uint64_t> {
  static constexpr NumberType kType = NumberType::kUint64;
};
template <>
struct NumberTypeOf<std::uint8_t> {
  static constexpr NumberType kType = NumberType::kUint8;
};

/// Named arrays and words in one file of the safetensors format (8 bytes of header length, a JSON
/// header, the numbers), which Python's package reads too: agents and checkpoints. The header's
/// metadata carries, under "ergon.crc32c", eight hexadecimal digits: the CRC-32C of the header,
/// with zeros for these digits, and of the numbers. A flipped bit anywhere is noticed by a reader
/// that needs the sum. (Whoever changes such a file elsewhere leaves this word out.) Arrays lie at
/// multiples of their numbers' size.
/// Format: https://huggingface.co/docs/safetensors.
class SafetensorsWriter {
 public:
  /// A word of the metadata. Throws InvalidInput for a key given twice or kept by us, or a text
  /// that is not UTF-8.
  void add_word(const std::string& key, const std::string& word);
  /// An array by reference: `numbers` must live until `save`. Throws InvalidInput for a name given
  /// twice, empty, kept by the format or not UTF-8, or a shape that is negative or beyond memory.
  template <class Number>
  void add(const std::string& name, const std::vector<std::int64_t>& shape, const Number* numbers) {
    add_bytes(name, NumberTypeOf<Number>::kType, shape, numbers);
  }
  /// The same for a flat list, which is copied.
  template <class Number>
  void add_copy(const std::string& name, const std::vector<Number>& numbers) {
    copies_.push_back(std::make_unique<std::string>(reinterpret_cast<const char*>(numbers.data()),
                                                    numbers.size() * sizeof(Number)));
    add_bytes(name, NumberTypeOf<Number>::kType, {static_cast<std::int64_t>(numbers.size())},
              copies_.back()->data());
  }
  /// Writes by write_file, without copying the arrays. Throws InvalidInput naming path and reason.
  void save(const std::string& path) const;

 private:
  struct Entry {
    std::string name;
    NumberType type;
    std::vector<std::int64_t> shape;
    std::string_view bytes;
  };
  std::vector<const Entry*> in_file_order() const;
  std::string header(const std::vector<const Entry*>& entries) const;
  void add_bytes(const std::string& name,
                 NumberType type,
                 const std::vector<std::int64_t>& shape,
                 const void* numbers);
  std::map<std::string, std::string> words_;
  std::vector<Entry> entries_;
  std::vector<std::unique_ptr<std::string>> copies_;
};

/// A file of the safetensors format, read whole.
class SafetensorsFile {
 public:
  /// Throws InvalidInput naming the path and what is wrong: missing, not this format, truncated or
  /// longer than its header says, tables that overlap or leave holes, numbers of a type that is not
  /// in the list, a sum that does not match. Files of others, without our sum, are read too unless
  /// `need_sum`.
  explicit SafetensorsFile(const std::string& path, bool need_sum = false);

  const std::string& path() const { return path_; }
  bool has_word(const std::string& key) const { return words_.count(key) != 0; }
  /// Throws InvalidInput naming the path when there is none.
  const std::string& word(const std::string& key) const;
  bool has(const std::string& name) const { return entries_.count(name) != 0; }
  std::vector<std::string> names() const;
  /// Throws InvalidInput naming the path when there is none.
  std::vector<std::int64_t> shape(const std::string& name) const;
  NumberType type(const std::string& name) const;

  /// Copies the array to `numbers`. Throws InvalidInput naming the path: missing, of another type,
  /// not of `count` numbers.
  template <class Number>
  void read(const std::string& name, Number* numbers, std::int64_t count) const {
    read_bytes(name, NumberTypeOf<Number>::kType, numbers, count);
  }
  /// The array as a flat list.
  template <class Number>
  std::vector<Number> list(const std::string& name) const {
    std::vector<Number> numbers(static_cast<std::size_t>(count(name)));
    read(name, numbers.data(), static_cast<std::int64_t>(numbers.size()));
    return numbers;
  }
  /// The same of so many numbers; throws as `read`.
  template <class Number>
  std::vector<Number> list(const std::string& name, std::size_t wanted) const {
    std::vector<Number> numbers(wanted);
    read(name, numbers.data(), static_cast<std::int64_t>(wanted));
    return numbers;
  }

 private:
  struct Entry {
    NumberType type;
    std::vector<std::int64_t> shape;
    std::size_t begin;  ///< in content_
    std::size_t bytes;
  };
  const Entry& entry(const std::string& name) const;
  std::int64_t count(const std::string& name) const;
  void read_bytes(const std::string& name,
                  NumberType type,
                  void* numbers,
                  std::int64_t count) const;
  std::string path_;
  std::string content_;
  std::map<std::string, std::string> words_;
  std::map<std::string, Entry> entries_;
};

}  // namespace ergon
