#include "gnuplot.hpp"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <system_error>

#include "ergon/core/errors.hpp"
#include "markup.hpp"

extern char** environ;

namespace ergon {
namespace internal {
namespace {

constexpr std::string_view kInstall = "install it with: apt-get install gnuplot-nox";

/// A folder of its own for one run of gnuplot, removed with what is in it.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::error_code error;
    const auto parent = std::filesystem::temp_directory_path(error);
    require(!error, "cannot draw: there is no folder for temporary files; set TMPDIR to one");
    std::string name = (parent / "ergon-figure-XXXXXX").string();
    require(::mkdtemp(name.data()) != nullptr,
            "cannot draw: no folder can be made in '{}' ({}); set TMPDIR to one with space",
            parent.string(), std::generic_category().message(errno));
    path_ = name;
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  std::string file(const char* name) const { return (path_ / name).string(); }
  std::string path() const { return path_.string(); }

 private:
  std::filesystem::path path_;
};

/// Starts gnuplot in the folder on "script", its messages going to "log"; no shell stands between.
/// 0 or errno.
int start_gnuplot(const TemporaryFolder& folder, pid_t* child) {
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  const std::string log = folder.file("log");
  posix_spawn_file_actions_addopen(&actions, 1, log.c_str(), O_CREAT | O_WRONLY | O_APPEND, 0600);
  posix_spawn_file_actions_adddup2(&actions, 1, 2);
  posix_spawn_file_actions_addchdir_np(&actions, folder.path().c_str());
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  // A process group of its own: Ctrl-C on the terminal asks us to stop, and the pictures of what
  // was done are still drawn.
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
  posix_spawnattr_setpgroup(&attributes, 0);
  char program[] = "gnuplot";
  char no_settings[] = "-d";
  char script[] = "script";
  char* const arguments[] = {program, no_settings, script, nullptr};
  const int error = ::posix_spawnp(child, program, &actions, &attributes, arguments, environ);
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  return error;
}

/// The first line of gnuplot's messages that says something, its place in the script left out.
std::string first_message(const std::string& log) {
  std::size_t start = 0;
  while (start < log.size()) {
    const std::size_t end = std::min(log.find('\n', start), log.size());
    const std::string line = log.substr(start, end - start);
    if (line.find("line ") != std::string::npos) return line;
    start = end + 1;
  }
  return log.empty() ? "no message" : log.substr(0, log.find('\n'));
}

/// A step of 1, 2 or 5 times a power of ten that makes at most about `wanted` ticks, and two at
/// least.
double tick_step(const Range& range, int wanted) {
  const double rough = (range.high - range.low) / wanted;
  double power = std::pow(10.0, std::ceil(std::log10(rough)));
  double step = power;
  const auto ticks = [&] {
    return std::floor(range.high / step) - std::ceil(range.low / step) + 1;
  };
  for (;; power /= 10) {
    for (const double digit : {1.0, 0.5, 0.2}) {
      const double smaller = digit * power;
      if (smaller < rough && ticks() >= 2) return step;
      step = smaller;
    }
  }
}

/// 1, 2 and 5 times powers of ten, or powers of ten alone where those would be many.
std::string log_ticks(const Range& range) {
  const int first = static_cast<int>(std::floor(std::log10(range.low)));
  const int last = static_cast<int>(std::ceil(std::log10(range.high)));
  const double decades = std::log10(range.high / range.low);
  const int stride = std::max(1, static_cast<int>(std::ceil(decades / 6.0)));
  std::string ticks;
  for (int power = first; power <= last; power += decades < 3.0 ? 1 : stride) {
    for (const int digit : {1, 2, 5}) {
      if (digit > 1 && decades >= 3.0) continue;
      const double value = digit * std::pow(10.0, power);
      const std::string text =
          decades < 3.0 && power >= -3 && power <= 4
              ? fmt::format("{:g}", value)
              : fmt::format("{}10^{{{}}}", digit > 1 ? fmt::format("{}·", digit) : "", power);
      if (value >= range.low && value <= range.high) {
        ticks += fmt::format("{}'{}' {:.17g}", ticks.empty() ? "" : ", ", text, value);
      }
    }
  }
  return ticks;
}

}  // namespace

bool can_draw(double value, bool log_axis) {
  constexpr double kLargest = 1e300;
  return std::abs(value) < kLargest && (!log_axis || value > 1e-300);
}

void RangeFinder::add(double value) {
  if (!can_draw(value, log_)) return;
  low_ = std::min(low_, value);
  high_ = std::max(high_, value);
}

void RangeFinder::add(const std::vector<double>& values) {
  for (const double value : values) add(value);
}

Range RangeFinder::padded(double margin) const {
  if (!(low_ <= high_)) return log_ ? Range{0.1, 10.0} : Range{0.0, 1.0};
  if (log_) {
    const double factor = std::max(std::pow(high_ / low_, margin), low_ == high_ ? 2.0 : 1.05);
    return {low_ / factor, high_ * factor};
  }
  // What is constant but for rounding gets an interval in which ticks can be told apart.
  const double size = std::max(std::abs(low_), std::abs(high_));
  if (high_ - low_ <= 1e-9 * size) {
    const double around = size > 0 ? 0.05 * size : 1.0;
    return {low_ - around, high_ + around};
  }
  const double extra = margin * (high_ - low_);
  return {low_ - extra, high_ + extra};
}

std::string quote(std::string_view text) {
  std::string quoted = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7F) {
      quoted += ' ';
    } else if (byte >= 0x80 || byte == ' ' || std::isalnum(byte)) {
      quoted += c;
    } else {
      quoted +=
          fmt::format("\\{:04o}", byte);  // after a leading zero gnuplot takes four digits, not
                                          // more  // with a leading zero gnuplot reads four digits
    }
  }
  return quoted + '"';
}

std::vector<std::size_t> thin(std::size_t count, std::size_t most) {
  const std::size_t kept = std::min(count, most);
  std::vector<std::size_t> indices(kept);
  for (std::size_t i = 0; i < kept; ++i) indices[i] = i * count / kept;
  return indices;
}

Script::Script(std::string_view terminal, int width, int height) {
  add("set encoding utf8");
  add("set terminal {} size {},{} background rgb '#FFFFFF'", terminal, width, height);
  add("set output 'picture'");
  add("set minussign");
  add("set border 3 lw 1 lc rgb '#888888'");
  add("set tics nomirror out scale 0.5 tc rgb '#333333'");
  add("set grid back lt 1 lw 0.7 lc rgb '#E4E4E4'");
  add("set key at graph 0, graph 1 left bottom horizontal Left reverse noenhanced samplen 1.5");
  add("set tmargin 4.5");
  add("set datafile missing 'NaN'");
}

std::string Script::add_data(const std::vector<std::vector<double>>& rows) {
  const std::string name = fmt::format("$data{}", ++blocks_);
  text_ += name + " << END_OF_DATA\n";
  for (const std::vector<double>& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) {
      fmt::format_to(std::back_inserter(text_), "{}{:.9g}", i > 0 ? " " : "", row[i]);
    }
    text_ += '\n';
  }
  text_ += "END_OF_DATA\n";
  return name;
}

void Script::set_frame(const Frame& frame) {
  add("set lmargin at screen {:.5f}; set rmargin at screen {:.5f}", frame.left, frame.right);
  add("set bmargin at screen {:.5f}; set tmargin at screen {:.5f}", frame.bottom, frame.top);
}

void Script::set_title(std::string_view title, int legend_rows) {
  add("set label 999 {} noenhanced at graph 0, graph 1 offset 0.5,{:.1f} left tc rgb '#111111' "
      "front",
      quote(title), 1.2 + legend_rows);
}

void Script::set_axis(char axis, const Range& range, int ticks) {
  add("unset logscale {}", axis);
  add("set {}range [{:.17g}:{:.17g}]", axis, range.low, range.high);
  add("set {}tics nomirror {:.17g} format '%.6g'", axis, tick_step(range, ticks));
}

void Script::set_log_axis(char axis, const Range& range) {
  add("set logscale {}", axis);
  add("set {}range [{:.17g}:{:.17g}]", axis, range.low, range.high);
  add("set {}tics nomirror ({})", axis, log_ticks(range));
}

void Script::plot(const std::vector<std::string>& layers) {
  std::string line = "plot ";
  for (const std::string& layer : layers) line += layer + ", ";
  add("{}NaN notitle", line);
}

std::string run_gnuplot(const Script& script) {
  const TemporaryFolder folder;
  write_file(folder.file("script"), script.text());
  pid_t child = 0;
  const int error = start_gnuplot(folder, &child);
  require(error != ENOENT, "cannot draw: the program gnuplot was not found; {}", kInstall);
  require(error == 0, "cannot draw: gnuplot cannot be run ({})",
          std::generic_category().message(error));
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  const std::string log = file_exists(folder.file("log")) ? read_file(folder.file("log")) : "";
  require(WIFEXITED(status) && WEXITSTATUS(status) == 0 && file_exists(folder.file("picture")),
          "cannot draw: gnuplot failed: {}", first_message(log));
  std::string picture = read_file(folder.file("picture"));
  require(!picture.empty(), "cannot draw: gnuplot drew nothing: {}", first_message(log));
  return picture;
}

std::string run_gnuplot_svg(const Script& script, std::string_view title) {
  std::string svg = run_gnuplot(script);
  constexpr std::string_view kOwnTitle = "<title>Gnuplot</title>";
  const std::size_t at = svg.find(kOwnTitle);
  const std::string ours = fmt::format("<title>{}</title>", escape_markup(title));
  if (at != std::string::npos) svg.replace(at, kOwnTitle.size(), ours);
  constexpr std::string_view kFont = "font-family=\"Arial";
  constexpr std::string_view kFonts = "font-family=\"Helvetica,Arial,sans-serif";
  for (std::size_t i = svg.find(kFont); i != std::string::npos;
       i = svg.find(kFont, i + kFonts.size())) {
    svg.replace(i, kFont.size(), kFonts);
  }
  return svg;
}

}  // namespace internal

bool have_gnuplot() {
  const char* path = std::getenv("PATH");
  std::string_view rest = path != nullptr ? path : "/usr/bin:/bin";
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find(':'), rest.size());
    const std::string program = std::string(rest.substr(0, end)) + "/gnuplot";
    if (::access(program.c_str(), X_OK) == 0) return true;
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return false;
}

}  // namespace ergon
