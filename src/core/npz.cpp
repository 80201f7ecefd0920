#include "ergon/core/npz.hpp"

#include <fmt/ranges.h>

#include <charconv>
#include <cstring>
#include <optional>
#include <set>
#include <string_view>

#include "ergon/core/errors.hpp"
#include "ergon/core/files.hpp"
#include "zip.hpp"

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
              "arrays are written as they lie in memory");

namespace ergon {
namespace {

constexpr std::string_view kMagic = "\x93NUMPY";
constexpr std::string_view kSuffix = ".npy";

/// The header of an .npy member (NumPy enhancement proposal 1).
struct NpyHeader {
  std::string type;  ///< NumPy's name, e.g. "<f8"; empty for a record type
  bool fortran_order = false;
  std::vector<std::int64_t> shape;
  std::size_t data_offset = 0;
};

std::string_view numpy_name(ElementType type) {
  switch (type) {
    case ElementType::kFloat32:
      return "<f4";
    case ElementType::kFloat64:
      return "<f8";
    case ElementType::kInt64:
      return "<i8";
    case ElementType::kUInt8:
      return "|u1";
    case ElementType::kBool:
      return "|b1";
  }
  ERGON_CHECK(false, "element type {} is unknown", static_cast<int>(type));
}

/// The text after "'key':" in a header, a Python dictionary as NumPy prints it.
std::optional<std::string_view> value_after(std::string_view header, std::string_view key) {
  const std::string quoted = fmt::format("'{}'", key);
  std::size_t at = header.find(quoted);
  if (at == std::string_view::npos) return std::nullopt;
  at = header.find_first_not_of(" :", at + quoted.size());
  return at == std::string_view::npos ? std::nullopt : std::optional(header.substr(at));
}

/// "(3, 4)", "(3,)" or "()", perhaps with the L that Python 2 wrote after a number.
std::optional<std::vector<std::int64_t>> parse_shape(std::string_view text) {
  const std::size_t end = text.find(')');
  if (text.empty() || text.front() != '(' || end == std::string_view::npos) return std::nullopt;
  std::vector<std::int64_t> shape;
  std::size_t at = 1;
  while ((at = text.find_first_not_of(" ,L", at)) < end) {
    std::int64_t size = 0;
    const auto [next, error] = std::from_chars(text.data() + at, text.data() + end, size);
    if (error != std::errc() || size < 0) return std::nullopt;
    shape.push_back(size);
    at = static_cast<std::size_t>(next - text.data());
  }
  return shape;
}

/// Nothing when the bytes are not an .npy member.
std::optional<NpyHeader> parse_header(std::string_view bytes) {
  if (bytes.size() < 12 || bytes.substr(0, kMagic.size()) != kMagic) return std::nullopt;
  const auto byte = [&](std::size_t i) -> std::size_t {
    return static_cast<unsigned char>(bytes[i]);
  };
  const std::size_t version = byte(6);
  if (version < 1 || version > 3) return std::nullopt;
  const std::size_t start = version == 1 ? 10 : 12;
  const std::size_t length =
      byte(8) | byte(9) << 8 | (version == 1 ? 0 : byte(10) << 16 | byte(11) << 24);
  if (length > bytes.size() - start) return std::nullopt;
  const std::string_view text = bytes.substr(start, length);
  const auto type = value_after(text, "descr");
  const auto order = value_after(text, "fortran_order");
  const auto shape = value_after(text, "shape");
  if (!type || !order || !shape) return std::nullopt;
  const auto sizes = parse_shape(*shape);
  if (!sizes) return std::nullopt;
  NpyHeader header;
  if (type->front() == '\'') header.type = std::string(type->substr(1, type->find('\'', 1) - 1));
  header.fortran_order = order->substr(0, 4) == "True";
  header.shape = *sizes;
  header.data_offset = start + length;
  return header;
}

std::optional<ElementType> element_type(std::string_view name) {
  for (const ElementType type : {ElementType::kFloat32, ElementType::kFloat64, ElementType::kInt64,
                                 ElementType::kUInt8, ElementType::kBool}) {
    if (name == numpy_name(type)) return type;
  }
  return std::nullopt;
}

/// Product of the sizes, or nothing when it does not fit.
std::optional<std::size_t> count_elements(const std::vector<std::int64_t>& shape) {
  std::size_t count = 1;
  for (const std::int64_t size : shape) {
    if (__builtin_mul_overflow(count, static_cast<std::size_t>(size), &count)) return std::nullopt;
  }
  return count;
}

std::vector<std::uint8_t> widen_int32(std::string_view data) {
  std::vector<std::uint8_t> wide(data.size() * 2);
  for (std::size_t i = 0; i < data.size() / 4; ++i) {
    std::int32_t narrow = 0;
    std::memcpy(&narrow, data.data() + 4 * i, 4);
    const std::int64_t value = narrow;
    std::memcpy(wide.data() + 8 * i, &value, 8);
  }
  return wide;
}

/// The array in a member, or nothing when its type is not one of ours.
std::optional<NpzArray> parse_member(const std::string& path, const internal::ZipMember& member) {
  NpzArray array;
  array.name = member.name.substr(0, member.name.size() - kSuffix.size());
  const auto header = parse_header(member.bytes);
  require(header.has_value(), "'{}': array '{}' has no NumPy header", path, array.name);
  const bool is_int32 = header->type == "<i4";
  const auto type = is_int32 ? ElementType::kInt64 : element_type(header->type);
  if (!type) return std::nullopt;
  require(!header->fortran_order,
          "'{}': array '{}' is stored in Fortran order; save numpy.ascontiguousarray of it instead",
          path, array.name);
  array.type = *type;
  array.shape = header->shape;
  const std::string_view data = std::string_view(member.bytes).substr(header->data_offset);
  const std::size_t size = is_int32 ? 4 : element_size(*type);
  const auto count = count_elements(header->shape);
  require(count && *count == data.size() / size && data.size() % size == 0,
          "'{}' is damaged: array '{}' has {} bytes, which do not fit its shape ({})", path,
          array.name, data.size(), fmt::join(header->shape, ", "));
  array.bytes = is_int32 ? widen_int32(data) : std::vector<std::uint8_t>(data.begin(), data.end());
  return array;
}

/// Header of version 1, padded so that the data start at a multiple of 64 bytes within the member.
std::string make_header(const NpzArray& array) {
  const std::string dictionary = fmt::format(
      "{{'descr': '{}', 'fortran_order': False, 'shape': ({}{}), }}", numpy_name(array.type),
      fmt::join(array.shape, ", "), array.shape.size() == 1 ? "," : "");
  constexpr std::size_t kPrefix = 10;
  const std::size_t total = (kPrefix + dictionary.size() + 1 + 63) / 64 * 64;
  const std::size_t length = total - kPrefix;
  ERGON_CHECK(length <= 0xFFFF, "array '{}' has {} dimensions", array.name, array.shape.size());
  std::string header(kMagic);
  header += {'\x01', '\x00', static_cast<char>(length & 0xFF), static_cast<char>(length >> 8)};
  return header + dictionary + std::string(length - dictionary.size() - 1, ' ') + '\n';
}

}  // namespace

std::size_t element_size(ElementType type) {
  return static_cast<std::size_t>(numpy_name(type)[2] - '0');
}

void write_npz(const std::string& path, const std::vector<NpzArray>& arrays) {
  std::vector<internal::ZipSource> members;
  std::set<std::string> names;
  for (const NpzArray& array : arrays) {
    require(!array.name.empty() && array.name.size() < 60000,
            "cannot write '{}': an array needs a name of 1 to 60000 bytes", path);
    require(names.insert(array.name).second, "cannot write '{}': two arrays are called '{}'", path,
            array.name);
    const auto count = count_elements(array.shape);
    ERGON_CHECK(count && array.bytes.size() == *count * element_size(array.type),
                "array '{}' has {} bytes and shape ({})", array.name, array.bytes.size(),
                fmt::join(array.shape, ", "));
    const std::string_view body(reinterpret_cast<const char*>(array.bytes.data()),
                                array.bytes.size());
    members.push_back({array.name + std::string(kSuffix), make_header(array), body});
  }
  internal::write_zip(path, members);
}

std::vector<NpzArray> read_npz(const std::string& path) {
  const std::string archive = read_file(path);
  const std::string_view start = std::string_view(archive).substr(0, kMagic.size());
  require(start != kMagic, "'{}' is a single .npy array; save it with numpy.savez instead", path);
  require(start.substr(0, 2) == "PK",
          "'{}' is not an .npz file (a zip archive of arrays, as numpy.savez writes)", path);
  std::vector<NpzArray> arrays;
  for (const internal::ZipMember& member : internal::read_zip(path, archive)) {
    const std::size_t length = member.name.size();
    require(length > kSuffix.size() && member.name.substr(length - kSuffix.size()) == kSuffix,
            "'{}' is not an .npz file: its member '{}' is not an array (.npy)", path, member.name);
    if (auto array = parse_member(path, member)) arrays.push_back(std::move(*array));
  }
  return arrays;
}

}  // namespace ergon
