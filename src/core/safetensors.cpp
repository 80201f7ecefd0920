#include "ergon/core/safetensors.hpp"

#include <algorithm>
#include <cstring>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>

#include "ergon/core/crc32c.hpp"
#include "ergon/core/errors.hpp"
#include "ergon/core/files.hpp"

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
              "arrays are written as they lie in memory");

namespace ergon {
namespace {

using Json = nlohmann::json;

constexpr std::string_view kMetadata = "__metadata__";
constexpr std::string_view kSumKey = "ergon.crc32c";
constexpr std::string_view kNoSum = "00000000";
constexpr std::size_t kLengthBytes = 8;
constexpr std::size_t kLargestHeader = 100'000'000;  // the format's own bound
/// Of objects and lists: the header, a table, its shape.
constexpr int kDeepest = 2;

struct TypeName {
  NumberType type;
  std::string_view name;
  std::size_t bytes;
};
constexpr TypeName kTypes[] = {{NumberType::kFloat32, "F32", 4},
                               {NumberType::kFloat64, "F64", 8},
                               {NumberType::kInt64, "I64", 8},
                               {NumberType::kUint64, "U64", 8},
                               {NumberType::kUint8, "U8", 1}};

const TypeName& named(NumberType type) {
  const auto* found = std::find_if(std::begin(kTypes), std::end(kTypes),
                                   [&](const TypeName& entry) { return entry.type == type; });
  ERGON_CHECK(found != std::end(kTypes), "number type {} has no name", static_cast<int>(type));
  return *found;
}

/// Bytes of an array; nothing for a negative size or beyond 63 bits.
std::optional<std::size_t> bytes_of(const std::vector<std::int64_t>& shape, NumberType type) {
  auto bytes = static_cast<std::int64_t>(named(type).bytes);
  for (const std::int64_t size : shape) {
    if (size < 0 || __builtin_mul_overflow(bytes, size, &bytes)) return std::nullopt;
  }
  return static_cast<std::size_t>(bytes);
}

/// JSON holds UTF-8 alone.
void require_text(std::string_view text) {
  try {
    static_cast<void>(Json(text).dump());
  } catch (const Json::exception&) {
    fail("a name or a word in a file of arrays must be UTF-8, which '{}' is not",
         Json(text).dump(-1, ' ', true, Json::error_handler_t::replace));
  }
}

/// Where the digits of the sum stand in a header. In JSON no other text reads like this: a quote
/// inside of a text follows a backslash.
std::size_t find_sum(std::string_view header) {
  const std::string key = fmt::format("\"{}\":\"", kSumKey);
  const std::size_t at = header.find(key);
  return at == std::string_view::npos ? at : at + key.size();
}

[[noreturn]] void refuse(const std::string& path, const std::string& reason) {
  fail("'{}' is damaged or no safetensors file: {}", path, reason);
}

/// The header as JSON. Refuses what nlohmann's reader lets pass: names given twice, depth, zeros.
Json parse_header(const std::string& path, std::string_view header) {
  std::vector<std::set<std::string>> names;
  const auto check = [&](int depth, Json::parse_event_t event, Json& parsed) {
    using Event = Json::parse_event_t;
    const bool starts = event == Event::object_start || event == Event::array_start;
    if (starts && depth > kDeepest) refuse(path, "its header is nested too deep");
    if (event == Event::object_start) names.emplace_back();
    if (event == Event::object_end) names.pop_back();
    if (event == Event::key && !names.back().insert(parsed.get<std::string>()).second) {
      refuse(path, fmt::format("its header has {} twice", parsed.dump()));
    }
    return true;
  };
  // nlohmann's reader takes a zero byte for the end.
  const bool is_text = header.find('\0') == std::string_view::npos;
  if (header.empty() || header.front() != '{' || !is_text) {
    refuse(path, "its header is no JSON object");
  }
  try {
    return Json::parse(header, check);
  } catch (const Json::exception&) {
    refuse(path, "its header is no JSON object");
  }
}

/// The header's text, of a file that is long enough for it.
std::string_view header_of(const std::string& path, std::string_view content) {
  if (content.size() < kLengthBytes) {
    refuse(path, fmt::format("it has {} bytes, where {} begin one", content.size(), kLengthBytes));
  }
  std::uint64_t length = 0;
  std::memcpy(&length, content.data(), kLengthBytes);
  if (length > kLargestHeader || length > content.size() - kLengthBytes) {
    refuse(path, fmt::format("it announces a header of {} bytes and has {} bytes altogether",
                             length, content.size()));
  }
  return content.substr(kLengthBytes, length);
}

/// One table of the header: {"dtype": "F32", "shape": [3, 4], "data_offsets": [0, 48]}.
struct Table {
  NumberType type;
  std::vector<std::int64_t> shape;
  std::size_t begin;
  std::size_t end;
};

/// A list of numbers >= 0; nothing for anything else.
std::optional<std::vector<std::int64_t>> sizes_of(const Json& table, const char* key) {
  const auto found = table.find(key);
  if (found == table.end() || !found->is_array()) return std::nullopt;
  std::vector<std::int64_t> sizes;
  for (const Json& size : *found) {
    if (!size.is_number_unsigned()) return std::nullopt;
    const auto number = size.get<std::uint64_t>();
    if (number > static_cast<std::uint64_t>(INT64_MAX)) return std::nullopt;
    sizes.push_back(static_cast<std::int64_t>(number));
  }
  return sizes;
}

Table parse_table(const std::string& path, const std::string& name, const Json& json) {
  const auto bad = [&](const std::string& what) {
    refuse(path, fmt::format("the array {} has {}", Json(name).dump(), what));
  };
  if (!json.is_object() || json.size() != 3) bad("no type, shape and offsets");
  const auto type = json.find("dtype");
  if (type == json.end() || !type->is_string()) bad("no type");
  const auto word = type->get<std::string>();
  const auto* known = std::find_if(std::begin(kTypes), std::end(kTypes),
                                   [&](const TypeName& entry) { return entry.name == word; });
  if (known == std::end(kTypes)) {
    bad(fmt::format("numbers of type {}; only F32, F64, I64, U64 and U8 are read here",
                    type->dump()));
  }
  const auto shape = sizes_of(json, "shape"), offsets = sizes_of(json, "data_offsets");
  if (!shape || !offsets || offsets->size() != 2) bad("no shape and two offsets");
  const auto bytes = bytes_of(*shape, known->type);
  const auto begin = static_cast<std::size_t>((*offsets)[0]);
  const auto end = static_cast<std::size_t>((*offsets)[1]);
  if (!bytes || end < begin || end - begin != *bytes) bad("offsets that do not fit its shape");
  return {known->type, *shape, begin, end};
}

/// The metadata's words but for the sum, which is returned where there is one.
std::optional<std::string> take_words(const std::string& path,
                                      const Json& header,
                                      std::map<std::string, std::string>& words) {
  std::optional<std::string> sum;
  const auto metadata = header.find(kMetadata);
  if (metadata == header.end()) return sum;
  if (!metadata->is_object()) refuse(path, "its metadata is no list of words");
  for (const auto& [key, word] : metadata->items()) {
    if (!word.is_string()) refuse(path, "its metadata holds other things than words");
    if (key == kSumKey) {
      sum = word.get<std::string>();
    } else {
      words[key] = word.get<std::string>();
    }
  }
  return sum;
}

/// Tables must follow one another, without gap, from the header's end to the file's.
void require_gapless(const std::string& path,
                     std::vector<std::pair<std::size_t, std::size_t>> spans,
                     std::size_t data_bytes) {
  std::sort(spans.begin(), spans.end());
  std::size_t end = 0;
  for (const auto& [begin, next] : spans) {
    if (begin != end) refuse(path, "its arrays overlap or leave holes");
    end = next;
  }
  if (end != data_bytes) {
    refuse(path, fmt::format("its arrays take {} bytes and {} follow the header", end, data_bytes));
  }
}

void require_sum(const std::string& path, std::string_view header, std::string_view data) {
  std::string zeroed(header);
  const std::size_t at = find_sum(header);
  std::string_view written;
  if (at != std::string_view::npos) {
    written = header.substr(at, kNoSum.size());
    zeroed.replace(at, kNoSum.size(), kNoSum);
  }
  if (fmt::format("{:08x}", crc32c(data, crc32c(zeroed))) != written) {
    refuse(path, fmt::format("its bytes do not match its sum ({})", kSumKey));
  }
}

}  // namespace

void SafetensorsWriter::add_word(const std::string& key, const std::string& word) {
  require(key != kSumKey, "the word '{}' of a file's metadata is its sum; choose another key", key);
  require_text(key);
  require_text(word);
  require(words_.emplace(key, word).second, "the word '{}' of a file's metadata is given twice",
          key);
}

void SafetensorsWriter::add_bytes(const std::string& name,
                                  NumberType type,
                                  const std::vector<std::int64_t>& shape,
                                  const void* numbers) {
  require(!name.empty() && name != kMetadata,
          "an array in a file needs a name other than '{}'; give it one", name);
  require_text(name);
  for (const Entry& entry : entries_) {
    require(entry.name != name, "a file cannot have two arrays named '{}'", name);
  }
  const auto bytes = bytes_of(shape, type);
  require(bytes.has_value(), "the array '{}' has a shape that is negative or beyond any memory",
          name);
  entries_.push_back({name, type, shape, {static_cast<const char*>(numbers), *bytes}});
}

std::vector<const SafetensorsWriter::Entry*> SafetensorsWriter::in_file_order() const {
  // Wide numbers first: each array then begins at a multiple of its numbers' size.
  std::vector<const Entry*> entries;
  for (const Entry& entry : entries_) entries.push_back(&entry);
  std::stable_sort(entries.begin(), entries.end(), [](const Entry* x, const Entry* y) {
    return named(x->type).bytes > named(y->type).bytes;
  });
  return entries;
}

std::string SafetensorsWriter::header(const std::vector<const Entry*>& entries) const {
  nlohmann::ordered_json json;
  auto& metadata = json[std::string(kMetadata)];
  metadata[std::string(kSumKey)] = kNoSum;
  for (const auto& [key, word] : words_) metadata[key] = word;
  std::size_t begin = 0;
  for (const Entry* entry : entries) {
    const std::size_t end = begin + entry->bytes.size();
    json[entry->name] = {{"dtype", named(entry->type).name},
                         {"shape", entry->shape},
                         {"data_offsets", {begin, end}}};
    begin = end;
  }
  std::string text = json.dump();
  text.resize((text.size() + 7) / 8 * 8, ' ');
  return text;
}

void SafetensorsWriter::save(const std::string& path) const {
  const std::vector<const Entry*> entries = in_file_order();
  std::string text = header(entries);
  std::uint32_t sum = crc32c(text);
  std::uint64_t length = text.size();
  std::vector<std::string_view> pieces = {{reinterpret_cast<const char*>(&length), kLengthBytes},
                                          text};
  for (const Entry* entry : entries) {
    sum = crc32c(entry->bytes, sum);
    pieces.push_back(entry->bytes);
  }
  text.replace(find_sum(text), kNoSum.size(), fmt::format("{:08x}", sum));
  write_file(path, pieces);
}

SafetensorsFile::SafetensorsFile(const std::string& path, bool need_sum)
    : path_(path), content_(read_file(path)) {
  const std::string_view header = header_of(path, content_);
  const std::size_t start = kLengthBytes + header.size();
  const Json json = parse_header(path, header);
  const std::optional<std::string> sum = take_words(path, json, words_);
  std::vector<std::pair<std::size_t, std::size_t>> spans;
  for (const auto& [name, value] : json.items()) {
    if (name == kMetadata) continue;
    const Table table = parse_table(path, name, value);
    spans.emplace_back(table.begin, table.end);
    entries_[name] = {table.type, table.shape, start + table.begin, table.end - table.begin};
  }
  require_gapless(path, std::move(spans), content_.size() - start);
  if (need_sum && !sum) refuse(path, fmt::format("it carries no sum ({})", kSumKey));
  if (sum) require_sum(path, header, std::string_view(content_).substr(start));
}

const std::string& SafetensorsFile::word(const std::string& key) const {
  const auto found = words_.find(key);
  require(found != words_.end(), "'{}' has no word '{}' in its metadata", path_, key);
  return found->second;
}

std::vector<std::string> SafetensorsFile::names() const {
  std::vector<std::string> names;
  for (const auto& [name, entry] : entries_) names.push_back(name);
  return names;
}

const SafetensorsFile::Entry& SafetensorsFile::entry(const std::string& name) const {
  const auto found = entries_.find(name);
  require(found != entries_.end(), "'{}' has no array '{}'", path_, name);
  return found->second;
}

std::vector<std::int64_t> SafetensorsFile::shape(const std::string& name) const {
  return entry(name).shape;
}

NumberType SafetensorsFile::type(const std::string& name) const { return entry(name).type; }

std::int64_t SafetensorsFile::count(const std::string& name) const {
  const Entry& found = entry(name);
  return static_cast<std::int64_t>(found.bytes / named(found.type).bytes);
}

void SafetensorsFile::read_bytes(const std::string& name,
                                 NumberType type,
                                 void* numbers,
                                 std::int64_t wanted) const {
  const Entry& found = entry(name);
  require(found.type == type, "the array '{}' of '{}' holds {} numbers, where {} are wanted", name,
          path_, named(found.type).name, named(type).name);
  require(count(name) == wanted, "the array '{}' of '{}' has {} numbers, where {} are wanted", name,
          path_, count(name), wanted);
  if (found.bytes > 0) std::memcpy(numbers, content_.data() + found.begin, found.bytes);
}

}  // namespace ergon
