#include "record_file.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "ergon/core/errors.hpp"

namespace ergon::internal {
namespace {

/// Numbers for names, in the order in which they first came.
class NameTable {
 public:
  NameTable() = default;
  NameTable(const SafetensorsFile& file, const std::string& key) : path_(file.path()) {
    try {
      names_ = nlohmann::json::parse(file.word(key)).get<std::vector<std::string>>();
    } catch (const nlohmann::json::exception&) {
      fail("'{}': the list of names '{}' is damaged; take another checkpoint", path_, key);
    }
  }
  std::int64_t index(const std::string& name) {
    const auto found = std::find(names_.begin(), names_.end(), name);
    if (found == names_.end()) {
      names_.push_back(name);
      return static_cast<std::int64_t>(names_.size()) - 1;
    }
    return found - names_.begin();
  }
  const std::string& at(std::int64_t index) const {
    require(index >= 0 && index < static_cast<std::int64_t>(names_.size()),
            "'{}': refers to name {} of {}; take another checkpoint", path_, index, names_.size());
    return names_[static_cast<std::size_t>(index)];
  }
  std::string word() const { return nlohmann::json(names_).dump(); }

 private:
  std::string path_;
  std::vector<std::string> names_;
};

/// One number of every element as a list, written under `name`.
template <class Number, class Elements, class Read>
void add_column(SafetensorsWriter& file,
                const std::string& name,
                const Elements& elements,
                Read read) {
  std::vector<Number> column;
  column.reserve(elements.size());
  for (const auto& element : elements) column.push_back(static_cast<Number>(read(element)));
  file.add_copy(name, column);
}

void save_episodes(const std::vector<TrainingEpisode>& episodes, SafetensorsWriter& file) {
  using Episode = TrainingEpisode;
  const std::string name = "record.episodes.";
  add_column<std::int64_t>(file, name + "step", episodes, [](const Episode& e) { return e.step; });
  add_column<double>(file, name + "return", episodes,
                     [](const Episode& e) { return e.episode_return; });
  add_column<std::int64_t>(file, name + "length", episodes,
                           [](const Episode& e) { return e.length; });
  add_column<std::uint8_t>(file, name + "terminated", episodes,
                           [](const Episode& e) { return e.terminated; });
}

std::vector<TrainingEpisode> load_episodes(const SafetensorsFile& file) {
  const auto step = file.list<std::int64_t>("record.episodes.step");
  const auto returns = file.list<double>("record.episodes.return", step.size());
  const auto length = file.list<std::int64_t>("record.episodes.length", step.size());
  const auto terminated = file.list<std::uint8_t>("record.episodes.terminated", step.size());
  std::vector<TrainingEpisode> episodes;
  for (std::size_t i = 0; i < step.size(); ++i)
    episodes.push_back({step[i], returns[i], length[i], terminated[i] != 0});
  return episodes;
}

void save_updates(const std::vector<UpdateRow>& rows, NameTable& names, SafetensorsWriter& file) {
  const std::string name = "record.updates.";
  add_column<std::int64_t>(file, name + "step", rows, [](const UpdateRow& r) { return r.step; });
  add_column<std::int64_t>(file, name + "updates", rows,
                           [](const UpdateRow& r) { return r.updates; });
  add_column<std::int64_t>(file, name + "count", rows,
                           [](const UpdateRow& r) { return r.means.size(); });
  std::vector<std::int64_t> name_numbers;
  std::vector<double> means;
  for (const UpdateRow& row : rows) {
    for (const auto& [word, mean] : row.means) {
      name_numbers.push_back(names.index(word));
      means.push_back(mean);
    }
  }
  file.add_copy(name + "name", name_numbers);
  file.add_copy(name + "mean", means);
}

std::vector<UpdateRow> load_updates(const SafetensorsFile& file, const NameTable& names) {
  const auto step = file.list<std::int64_t>("record.updates.step");
  const auto updates = file.list<std::int64_t>("record.updates.updates", step.size());
  const auto count = file.list<std::int64_t>("record.updates.count", step.size());
  const auto name = file.list<std::int64_t>("record.updates.name");
  const auto mean = file.list<double>("record.updates.mean", name.size());
  std::vector<UpdateRow> rows;
  std::size_t at = 0;
  for (std::size_t i = 0; i < step.size(); ++i) {
    require(count[i] >= 0 && static_cast<std::size_t>(count[i]) <= name.size() - at,
            "'{}': the record of updates does not fit together; take another checkpoint",
            file.path());
    UpdateRow row{step[i], updates[i], {}};
    for (const std::size_t end = at + static_cast<std::size_t>(count[i]); at < end; ++at)
      row.means.emplace_back(names.at(name[at]), mean[at]);
    rows.push_back(std::move(row));
  }
  return rows;
}

void save_window(const UpdateWindow& window, NameTable& names, SafetensorsWriter& file) {
  using Sum = UpdateWindow::Sum;
  const std::string name = "record.window.";
  add_column<std::int64_t>(file, name + "name", window.sums(),
                           [&](const Sum& sum) { return names.index(sum.name); });
  add_column<double>(file, name + "total", window.sums(), [](const Sum& sum) { return sum.total; });
  add_column<std::int64_t>(file, name + "count", window.sums(),
                           [](const Sum& sum) { return sum.count; });
}

UpdateWindow load_window(const SafetensorsFile& file, const NameTable& names) {
  const auto name = file.list<std::int64_t>("record.window.name");
  const auto total = file.list<double>("record.window.total", name.size());
  const auto count = file.list<std::int64_t>("record.window.count", name.size());
  std::vector<UpdateWindow::Sum> sums;
  for (std::size_t i = 0; i < name.size(); ++i)
    sums.push_back({names.at(name[i]), total[i], count[i]});
  UpdateWindow window;
  window.set_sums(std::move(sums));
  return window;
}

/// The episodes of one mode of all evaluations, one after the other.
void save_mode(const std::vector<Evaluation>& evaluations,
               EpisodeReturns Evaluation::*mode,
               const std::string& name,
               SafetensorsWriter& file) {
  std::vector<double> returns;
  std::vector<std::int64_t> lengths;
  std::vector<std::uint8_t> terminated;
  for (const Evaluation& evaluation : evaluations) {
    const EpisodeReturns& all = evaluation.*mode;
    returns.insert(returns.end(), all.returns.begin(), all.returns.end());
    lengths.insert(lengths.end(), all.lengths.begin(), all.lengths.end());
    terminated.insert(terminated.end(), all.terminated.begin(), all.terminated.end());
  }
  file.add_copy(name + ".return", returns);
  file.add_copy(name + ".length", lengths);
  file.add_copy(name + ".terminated", terminated);
}

void load_mode(const SafetensorsFile& file,
               const std::string& name,
               EpisodeReturns Evaluation::*mode,
               std::vector<Evaluation>& evaluations) {
  if (evaluations.empty()) return;
  const auto returns = file.list<double>(name + ".return");
  const auto lengths = file.list<std::int64_t>(name + ".length", returns.size());
  const auto terminated = file.list<std::uint8_t>(name + ".terminated", returns.size());
  require(returns.size() % evaluations.size() == 0,
          "'{}': the record of evaluations does not fit together; take another checkpoint",
          file.path());
  const std::size_t episodes = returns.size() / evaluations.size();
  for (std::size_t i = 0; i < returns.size(); ++i) {
    EpisodeReturns& all = evaluations[i / episodes].*mode;
    all.returns.push_back(returns[i]);
    all.lengths.push_back(lengths[i]);
    all.terminated.push_back(terminated[i] != 0);
  }
}

}  // namespace

void save_record(const TrainingRecord& record,
                 const UpdateWindow& window,
                 SafetensorsWriter& file) {
  NameTable names;
  save_episodes(record.episodes, file);
  save_updates(record.updates, names, file);
  save_window(window, names, file);
  add_column<std::int64_t>(file, "record.evaluations.step", record.evaluations,
                           [](const Evaluation& e) { return e.step; });
  save_mode(record.evaluations, &Evaluation::deterministic, "record.evaluations.deterministic",
            file);
  save_mode(record.evaluations, &Evaluation::stochastic, "record.evaluations.stochastic", file);
  file.add_word("record.names", names.word());
}

LoadedRecord load_record(const SafetensorsFile& file) {
  const NameTable names(file, "record.names");
  LoadedRecord loaded;
  loaded.record.episodes = load_episodes(file);
  loaded.record.updates = load_updates(file, names);
  loaded.window = load_window(file, names);
  auto& evaluations = loaded.record.evaluations;
  for (const std::int64_t step : file.list<std::int64_t>("record.evaluations.step"))
    evaluations.push_back({step, {}, {}});
  load_mode(file, "record.evaluations.deterministic", &Evaluation::deterministic, evaluations);
  load_mode(file, "record.evaluations.stochastic", &Evaluation::stochastic, evaluations);
  return loaded;
}

}  // namespace ergon::internal
