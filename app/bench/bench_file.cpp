#include "bench/bench_file.hpp"

#include <algorithm>
#include <filesystem>

#include "cells.hpp"
#include "config_file.hpp"
#include "ergon/core/errors.hpp"
#include "ergon/core/files.hpp"
#include "field.hpp"
#include "sample_request.hpp"
#include "suggest.hpp"

namespace ergon::app {
namespace {

namespace fs = std::filesystem;

const std::vector<std::string> kTables = {"bench",      "targets",   "samplers",
                                          "references", "overrides", "exclude"};
const std::vector<std::string> kBenchKeys = {"name",    "description", "seeds",
                                             "budgets", "data-folder", "metrics"};

/// Options of `ergon sample` that the benchmark gives itself.
const std::vector<std::string> kOwnOptions = {"seed",    "out",     "overwrite", "resume",
                                              "json",    "quiet",   "config",    "no-figures",
                                              "animate", "metrics", "fitted",    "threads"};

/// Calls read() and puts the entry's place in front of what it throws.
template <class Read>
auto at_place(const std::string& place, const Read& read) {
  try {
    return read();
  } catch (const InvalidInput& error) {
    fail("{}: {}", place, error.what());
  }
}

double number_of_entry(const ConfigEntry& entry) {
  return at_place(entry.place, [&] { return parse_number(entry.key, entry.word); });
}

/// Names become folders and are separated by '/' and ','.
void check_name(const std::string& name, const std::string& place) {
  const bool plain = !name.empty() && name.find_first_not_of(
                                          "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                          "0123456789-_") == std::string::npos;
  require(plain, "{}: '{}' cannot be a name; take letters, digits, - and _", place, name);
}

template <class Named>
std::vector<std::string> names_in(const std::vector<Named>& things) {
  std::vector<std::string> names;
  for (const Named& thing : things) names.push_back(thing.name);
  return names;
}

class BenchReader {
 public:
  BenchReader(const std::string& path, std::string data_folder)
      : data_folder_(std::move(data_folder)) {
    file_.path = path;
    file_.name = fs::path(path).stem().string();
  }

  BenchFile read() {
    const std::vector<ConfigTable> tables = read_config_tables(file_.path);
    for (const ConfigTable& table : tables) check_header(table);
    for (const ConfigTable& table : tables) {
      if (table.name == std::vector<std::string>{"bench"}) read_bench(table);
    }
    for (const ConfigTable& table : tables) {
      if (table.name.size() == 2 && table.name[0] == "targets") read_target(table);
      if (table.name.size() == 2 && table.name[0] == "samplers") read_sampler(table);
    }
    for (const ConfigTable& table : tables) read_pairs(table);
    require(!file_.budgets.empty(),
            "{}: [bench] lacks budgets, numbers of evaluations such as [10000, 100000]",
            file_.path);
    require(!file_.targets.empty() && !file_.samplers.empty(),
            "{}: there is nothing to run: give at least one [targets.NAME] and one "
            "[samplers.NAME]",
            file_.path);
    return std::move(file_);
  }

 private:
  void check_header(const ConfigTable& table) const {
    if (table.name.empty()) {
      require(table.entries.empty(), "{}: '{}' stands before the first table; move it into [bench]",
              table.entries.empty() ? "" : table.entries[0].place,
              table.entries.empty() ? "" : table.entries[0].key);
      return;
    }
    const std::string& kind = table.name[0];
    require(std::find(kTables.begin(), kTables.end(), kind) != kTables.end(),
            "{}: unknown table [{}]{}; the tables are [bench], [targets.NAME], [samplers.NAME], "
            "[references.TARGET], [overrides.\"TARGET/SAMPLER\"] and [exclude]",
            table.place, join(table.name, "."), did_you_mean(kind, kTables));
    const std::size_t parts = kind == "bench" || kind == "exclude" ? 1 : 2;
    require(table.name.size() == parts, "{}: the table [{}] {}", table.place, join(table.name, "."),
            parts == 1 ? "has no parts" : "needs one name, as in [" + kind + ".NAME]");
  }

  void read_bench(const ConfigTable& table) {
    for (const ConfigEntry& entry : table.entries) {
      at_place(entry.place, [&] { read_bench_entry(entry); });
    }
    if (data_folder_.empty()) data_folder_ = beside_file("");
  }

  void read_bench_entry(const ConfigEntry& entry) {
    const std::string& key = entry.key;
    if (key == "name") check_name(entry.word, "name");
    if (key == "name") file_.name = entry.word;
    if (key == "description") file_.description = entry.word;
    if (key == "seeds") parse_seeds(entry.word);
    if (key == "seeds") file_.seeds = entry.word;
    if (key == "metrics") file_.metrics = parse_switch(key, entry.word);
    if (key == "budgets") file_.budgets = parse_budgets(entry.word);
    if (key == "data-folder" && data_folder_.empty()) data_folder_ = beside_file(entry.word);
    require(std::find(kBenchKeys.begin(), kBenchKeys.end(), key) != kBenchKeys.end(),
            "unknown key '{}'{}; the keys of [bench] are: {}", key, did_you_mean(key, kBenchKeys),
            join(kBenchKeys));
  }

  std::string beside_file(const std::string& path) const {
    return (fs::path(file_.path).parent_path() / path).lexically_normal().string();
  }

  /// An option of `ergon sample` into the table.
  void add_option(const ConfigEntry& entry, BenchOptionsTable& options) const {
    if (entry.key == "fit-share") {
      options.fit_share = number_of_entry(entry);
      require(*options.fit_share >= 0 && *options.fit_share <= 1,
              "{}: fit-share must lie in [0, 1], got {}", entry.place, entry.word);
      return;
    }
    require(std::find(kOwnOptions.begin(), kOwnOptions.end(), entry.key) == kOwnOptions.end(),
            "{}: '{}' is given by the benchmark itself; leave it out", entry.place, entry.key);
    options.names.push_back(entry.key);
    options.arguments.push_back(fmt::format("--{}={}", entry.key, path_or_word(entry)));
  }

  std::string path_or_word(const ConfigEntry& entry) const {
    const bool file = names_a_file(entry.key) || entry.key == "reference-draws";
    if (!file || entry.word.empty()) return entry.word;
    const std::string path = (fs::path(data_folder_) / entry.word).string();
    require(file_exists(path), "{}: there is no file {}; say where it lies with --data-folder",
            entry.place, path);
    return path;
  }

  void read_target(const ConfigTable& table) {
    BenchTarget target;
    target.name = table.name[1];
    check_name(target.name, table.place);
    target.target = target.name;
    for (const ConfigEntry& entry : table.entries) {
      if (entry.key == "target") {
        target.target = entry.word;
      } else if (entry.key == "reference") {
        target.reference = number_of_entry(entry);
      } else if (entry.key == "reference-error") {
        target.reference_error = number_of_entry(entry);
        require(target.reference_error >= 0, "{}: reference-error must not be negative",
                entry.place);
      } else {
        require(entry.key != "sampler", "{}: 'sampler' belongs to a [samplers.NAME] table",
                entry.place);
        add_option(entry, target.options);
      }
    }
    require(target.reference || target.reference_error == 0,
            "{}: reference-error stands without a reference", table.place);
    file_.targets.push_back(std::move(target));
  }

  void read_sampler(const ConfigTable& table) {
    BenchSampler sampler;
    sampler.name = table.name[1];
    check_name(sampler.name, table.place);
    require(sampler.name != kReferenceFolder,
            "{}: '{}' is the folder of reference runs; take another name", table.place,
            kReferenceFolder);
    sampler.sampler = sampler.name;
    for (const ConfigEntry& entry : table.entries) {
      require(entry.key != "target", "{}: 'target' belongs to a [targets.NAME] table", entry.place);
      if (entry.key == "sampler") {
        sampler.sampler = entry.word;
      } else {
        add_option(entry, sampler.options);
      }
    }
    file_.samplers.push_back(std::move(sampler));
  }

  void read_reference(const ConfigTable& table) {
    const std::string& target = table.name[1];
    check_known(target, "target", names_in(file_.targets), table.place);
    BenchReference reference;
    for (const ConfigEntry& entry : table.entries) {
      require(entry.key != "target" && entry.key != "fit-share",
              "{}: '{}' cannot stand in a [references.TARGET] table", entry.place, entry.key);
      if (entry.key == "sampler") {
        reference.sampler = entry.word;
      } else if (entry.key == "seed") {
        reference.options.names.push_back(entry.key);
        reference.options.arguments.push_back("--seed=" + entry.word);
      } else {
        add_option(entry, reference.options);
      }
    }
    require(!reference.sampler.empty(),
            "{}: [references.{}] lacks a sampler, such as sampler = \"parallel-tempering\"",
            table.place, target);
    file_.references[target] = std::move(reference);
  }

  void read_pairs(const ConfigTable& table) {
    if (table.name.empty()) return;
    if (table.name[0] == "references") read_reference(table);
    if (table.name[0] == "exclude") {
      for (const ConfigEntry& entry : table.entries) {
        check_pair(entry.key, entry.place);
        file_.exclusions[entry.key] = entry.word;
      }
    }
    if (table.name[0] != "overrides") return;
    check_pair(table.name[1], table.place);
    for (const ConfigEntry& entry : table.entries) {
      require(entry.key != "target" && entry.key != "sampler",
              "{}: '{}' cannot be overridden; make another table of its own name", entry.place,
              entry.key);
      add_option(entry, file_.overrides[table.name[1]]);
    }
  }

  /// "target/sampler" of tables that are there.
  void check_pair(const std::string& pair, const std::string& place) const {
    const std::vector<std::string> parts = split_words(pair, '/');
    require(parts.size() == 2, "{}: '{}' is not of the form \"TARGET/SAMPLER\"", place, pair);
    check_known(parts[0], "target", names_in(file_.targets), place);
    check_known(parts[1], "sampler", names_in(file_.samplers), place);
  }

  static void check_known(const std::string& name,
                          const char* kind,
                          const std::vector<std::string>& names,
                          const std::string& place) {
    require(std::find(names.begin(), names.end(), name) != names.end(),
            "{}: there is no [{}s.{}]{}; choose one of: {}", place, kind, name,
            did_you_mean(name, names), join(names));
  }

  BenchFile file_;
  std::string data_folder_;
};

}  // namespace

std::vector<std::int64_t> parse_budgets(const std::string& text) {
  std::vector<std::int64_t> budgets;
  for (const std::string& part : split_words(text)) {
    budgets.push_back(parse_integer("budgets", part));
    require(budgets.back() >= 1, "--budgets: {} is not a positive number", part);
  }
  std::sort(budgets.begin(), budgets.end());
  require(std::adjacent_find(budgets.begin(), budgets.end()) == budgets.end(),
          "--budgets: every number counts once");
  return budgets;
}

BenchFile read_bench_file(const std::string& path, const std::string& data_folder) {
  return BenchReader(path, data_folder).read();
}

}  // namespace ergon::app
