#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ergon/core/enum_names.hpp"

namespace ergon::app {

/// One alternative of a choice, as help prints it.
struct Choice {
  std::string_view name;
  std::string_view meaning;
};

/// One option a person can set: what the command line, the TOML file and the help know about it.
/// All of them set it through `set`, which takes one word (a list is one word with commas) and
/// throws InvalidInput naming the option.
struct Field {
  std::string name;             ///< without dashes, e.g. "step-size-value"
  std::string group;            ///< heading in the help
  std::string help;             ///< one sentence
  std::string value_word;       ///< "NUMBER", "WORD", …; empty for a switch
  std::string default_text;     ///< "" where there is none
  std::vector<Choice> choices;  ///< of a choice
  std::function<void(const std::string& word)> set;
};

/// Words to values. `option` is named in the message of InvalidInput.
std::int64_t parse_integer(const std::string& option, const std::string& word);
std::uint64_t parse_seed(const std::string& option, const std::string& word);
double parse_number(const std::string& option, const std::string& word);
std::vector<double> parse_numbers(const std::string& option, const std::string& word);
std::vector<std::int64_t> parse_integers(const std::string& option, const std::string& word);
bool parse_switch(const std::string& option, const std::string& word);

/// Values to words, for default texts.
std::string number_text(double value);
std::string numbers_text(const std::vector<double>& values);
std::string integers_text(const std::vector<std::int64_t>& values);

/// The fields of one kind of value; each binds `target`, which must outlive the field.
Field make_field(std::string name, std::int64_t& target);
Field make_field(std::string name, std::uint64_t& target);
Field make_field(std::string name, int& target);
Field make_field(std::string name, double& target);
Field make_field(std::string name, bool& target);
Field make_field(std::string name, std::string& target);
Field make_field(std::string name, std::vector<double>& target);
Field make_field(std::string name, std::vector<std::int64_t>& target);

template <class Value>
Field make_field(std::string name, std::optional<Value>& target);

template <class Enum>
Field make_field(std::string name, Enum& target) {
  Field field;
  field.name = name;
  field.value_word = "WORD";
  field.default_text = to_name(target);
  for (const auto& entry : EnumNames<Enum>::all()) {
    field.choices.push_back({entry.name, entry.meaning});
  }
  field.set = [name, &target](const std::string& word) {
    target = from_name<Enum>("--" + name, word);
  };
  return field;
}

template <class Value>
Field make_field(std::string name, std::optional<Value>& target) {
  Value scratch{};
  Field field = make_field(name, scratch);
  field.default_text.clear();
  field.set = [name, &target](const std::string& word) {
    Value value{};
    make_field(name, value).set(word);
    target = value;
  };
  return field;
}

/// An option under its heading in the help.
template <class Value>
Field option_field(const char* group, const char* name, Value& value, const char* help) {
  Field field = make_field(name, value);
  field.group = group;
  field.help = help;
  return field;
}

/// The same, added to a list.
template <class Value>
void add_field(std::vector<Field>& fields,
               const char* group,
               const char* name,
               Value& value,
               const char* help) {
  fields.push_back(option_field(group, name, value, help));
}

/// A visitor for the visit_*_fields functions that collects a Field for every option.
class FieldCollector {
 public:
  /// `group_of` gives the heading for a name.
  FieldCollector(std::vector<Field>& fields,
                 std::function<std::string(const std::string&)> group_of)
      : fields_(fields), group_of_(std::move(group_of)) {}

  template <class Value>
  void operator()(const char* name, Value& value, const char* help) {
    Field field = make_field(name, value);
    field.group = group_of_(name);
    field.help = help;
    fields_.push_back(std::move(field));
  }

 private:
  std::vector<Field>& fields_;
  std::function<std::string(const std::string&)> group_of_;
};

}  // namespace ergon::app
