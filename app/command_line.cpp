#include "command_line.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cctype>
#include <sstream>

#include "suggest.hpp"

namespace ergon::app {
namespace {

constexpr std::size_t kHelpWidth = 100;
constexpr std::size_t kHelpColumn = 34;

/// "TARGET" and "[TARGET]" to "target".
std::string positional_name(const CommandShape& shape) {
  std::string name;
  for (const char c : shape.positional) {
    if (std::isalpha(static_cast<unsigned char>(c)) != 0) {
      name += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    }
  }
  return name;
}

std::vector<std::string> names_of(const CommandShape& shape) {
  std::vector<std::string> names;
  for (const auto& field : shape.fields) names.push_back(field.name);
  return names;
}

void refuse_leftovers(const CommandShape& shape, const std::vector<std::string>& leftovers) {
  for (const auto& word : leftovers) {
    if (word.size() < 2 || word[0] != '-') continue;
    const std::string name = word.substr(word.find_first_not_of('-'), std::string::npos);
    const std::string key = name.substr(0, name.find('='));
    fail("unknown option {}{}; 'ergon {} --help' lists them", word.substr(0, word.find('=')),
         did_you_mean(key, names_of(shape), "--"), shape.name);
  }
  if (!leftovers.empty()) {
    fail(
        "unexpected word '{}'; lists of numbers are separated by commas without spaces, and 'ergon "
        "{} --help' shows the usage",
        leftovers.front(), shape.name);
  }
}

std::string described(const Field& field) {
  std::string text = field.help;
  if (!field.default_text.empty()) text += " [" + field.default_text + "]";
  return text;
}

std::string help_line(const std::string& left, const std::string& right) {
  const std::string text = wrap(right, kHelpWidth - kHelpColumn, kHelpColumn);
  if (left.size() + 4 > kHelpColumn) {
    return "  " + left + "\n" + std::string(kHelpColumn, ' ') + text + "\n";
  }
  return "  " + left + std::string(kHelpColumn - 2 - left.size(), ' ') + text + "\n";
}

std::string field_help(const Field& field) {
  std::string left = "--" + field.name;
  if (!field.value_word.empty()) left += " " + field.value_word;
  std::string text = help_line(left, described(field));
  std::size_t width = 0;
  for (const auto& choice : field.choices) width = std::max(width, choice.name.size());
  for (const auto& choice : field.choices) {
    const std::size_t column = kHelpColumn + 2 + width + 2;
    text += fmt::format("{:{}}{:<{}}{}\n", "", kHelpColumn + 2, choice.name, width + 2,
                        wrap(std::string(choice.meaning), kHelpWidth - column, column));
  }
  return text;
}

}  // namespace

Words parse_words(const CommandShape& shape, const std::vector<std::string>& arguments) {
  CLI::App parser;
  parser.allow_extras();
  parser.set_help_flag();
  std::map<std::string, std::string> values;
  std::map<std::string, CLI::Option*> options;
  options["help"] = parser.add_flag("-h,--help");
  for (const auto& field : shape.fields) {
    CLI::Option* option = field.value_word.empty()
                              ? parser.add_flag("--" + field.name)
                              : parser.add_option("--" + field.name, values[field.name]);
    options[field.name] = option->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
  }
  if (!shape.positional.empty()) {
    const std::string name = positional_name(shape);
    options[name] = parser.add_option(name, values[name]);
  }
  try {
    parser.parse(std::vector<std::string>(arguments.rbegin(), arguments.rend()));
  } catch (const CLI::ArgumentMismatch& error) {
    const std::string text = error.what();
    fail("{} needs a value; 'ergon {} --help' shows the usage", text.substr(0, text.find(':')),
         shape.name);
  } catch (const CLI::ParseError& error) {
    fail("{}; 'ergon {} --help' shows the usage", error.what(), shape.name);
  }
  Words words;
  for (const auto& [name, option] : options) {
    if (option->count() > 0) words[name] = option->results().back();
  }
  if (words.count("help") == 0) refuse_leftovers(shape, parser.remaining());
  return words;
}

void add_config_words(const CommandShape& shape, const std::string& path, Words& words) {
  add_words(shape, read_config(path, shape.name), words);
}

void add_words(const CommandShape& shape, const std::vector<ConfigEntry>& entries, Words& words) {
  std::vector<std::string> keys = names_of(shape);
  if (!shape.positional.empty()) keys.push_back(positional_name(shape));
  for (const auto& entry : entries) {
    const bool known = std::find(keys.begin(), keys.end(), entry.key) != keys.end();
    require(known && entry.key != "config",
            "{}: unknown key '{}'{}; the keys are the options of 'ergon {} --help' without dashes "
            "in front",
            entry.place, entry.key, did_you_mean(entry.key, keys), shape.name);
    try {
      apply_words(shape, {{entry.key, entry.word}});
    } catch (const InvalidInput& error) {
      fail("{}: {}", entry.place, error.what());
    }
    words.emplace(entry.key, entry.word);
  }
}

void apply_words(const CommandShape& shape, const Words& words) {
  for (const auto& field : shape.fields) {
    const auto word = words.find(field.name);
    if (word == words.end()) continue;
    if (!field.choices.empty()) {
      std::vector<std::string> names;
      for (const auto& choice : field.choices) names.emplace_back(choice.name);
      require(std::find(names.begin(), names.end(), word->second) != names.end(),
              "--{}: unknown choice '{}'{}; choose one of: {}", field.name, word->second,
              did_you_mean(word->second, names), join(names));
    }
    field.set(word->second);
  }
}

std::string wrap(const std::string& text, std::size_t width, std::size_t indent) {
  std::istringstream words(text);
  std::string wrapped;
  std::size_t used = 0;
  for (std::string word; words >> word;) {
    if (used > 0 && used + 1 + word.size() > width) {
      wrapped += "\n" + std::string(indent, ' ');
      used = 0;
    }
    if (used > 0) {
      wrapped += ' ';
      ++used;
    }
    wrapped += word;
    used += word.size();
  }
  return wrapped;
}

void require_resume_words(const Words& words, const std::string& positional) {
  for (const auto& [name, word] : words) {
    const bool allowed =
        name == "resume" || name == "json" || name == "quiet" || name == "checkpoint-every";
    require(allowed, "--resume takes the settings of the interrupted run: leave {} out",
            name == positional ? word : "--" + name);
  }
}

std::string help_text(const CommandShape& shape) {
  std::string text = "Usage: ergon " + shape.name;
  if (!shape.positional.empty()) text += " " + shape.positional;
  text += " [options]\n\n" + wrap(shape.description, kHelpWidth, 0) + "\n";
  if (!shape.positional.empty()) {
    text += "\n" + help_line(shape.positional, shape.positional_help);
  }
  std::string group;
  for (const auto& field : shape.fields) {
    if (field.group != group) text += "\n" + field.group + "\n";
    group = field.group;
    text += field_help(field);
  }
  text += "\nHelp\n" + help_line("-h, --help", "print this page");
  if (!shape.examples.empty()) text += "\nExamples\n" + shape.examples;
  return text;
}

}  // namespace ergon::app
