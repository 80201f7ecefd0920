#include "ergon/core/progress.hpp"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <string_view>

namespace ergon {
namespace {

constexpr auto kBarInterval = std::chrono::milliseconds(100);
constexpr auto kLineInterval = std::chrono::seconds(10);
constexpr int kBarCells = 20;

bool can_redraw(std::FILE* stream) {
  const char* terminal = std::getenv("TERM");
  return ::isatty(::fileno(stream)) && terminal != nullptr && std::string_view(terminal) != "dumb";
}

std::string rate_text(double per_second) {
  if (per_second >= 100) return fmt::format("{:.0f}/s", per_second);
  if (per_second >= 0.1) return fmt::format("{:.1f}/s", per_second);
  return fmt::format("{:.0f} s each", 1.0 / per_second);
}

/// 83 -> "1:23", 3723 -> "1:02:03".
std::string duration_text(double seconds) {
  const auto whole = static_cast<std::int64_t>(std::llround(std::min(seconds, 3.6e9)));
  if (whole < 3600) return fmt::format("{}:{:02}", whole / 60, whole % 60);
  return fmt::format("{}:{:02}:{:02}", whole / 3600, whole / 60 % 60, whole % 60);
}

/// Cuts text to what one row of the terminal holds, so that a redraw covers it. Counts UTF-8
/// characters.
std::string fit_to_terminal(const std::string& text, std::FILE* stream) {
  struct winsize size {};
  if (::ioctl(::fileno(stream), TIOCGWINSZ, &size) != 0 || size.ws_col < 2) return text;
  std::size_t characters = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if ((static_cast<unsigned char>(text[i]) & 0xC0) == 0x80) continue;
    if (++characters >= size.ws_col) return text.substr(0, i);
  }
  return text;
}

}  // namespace

Progress::Progress(std::string label,
                   std::int64_t total,
                   ProgressStyle style,
                   std::int64_t done,
                   std::FILE* stream)
    : label_(std::move(label)),
      total_(total),
      start_done_(done),
      done_(done),
      style_(style),
      stream_(stream),
      started_(std::chrono::steady_clock::now()),
      drawn_(started_) {
  if (style_ == ProgressStyle::kAutomatic) {
    style_ = can_redraw(stream) ? ProgressStyle::kBar : ProgressStyle::kLines;
  }
}

Progress::~Progress() {
  if (finished_ || !any_drawn_ || style_ != ProgressStyle::kBar) return;
  std::fputc('\n', stream_);
  std::fflush(stream_);
}

void Progress::update(std::int64_t done, const std::string& note) {
  done_ = done;
  note_ = note;
  if (style_ == ProgressStyle::kQuiet || finished_) return;
  const auto since_drawn = std::chrono::steady_clock::now() - drawn_;
  const bool bar = style_ == ProgressStyle::kBar;
  if (bar ? !any_drawn_ || since_drawn >= kBarInterval : since_drawn >= kLineInterval) draw(false);
}

void Progress::finish() {
  if (finished_) return;
  if (style_ != ProgressStyle::kQuiet) draw(true);
  finished_ = true;
}

void Progress::draw(bool last) {
  drawn_ = std::chrono::steady_clock::now();
  any_drawn_ = true;
  const double seconds = std::chrono::duration<double>(drawn_ - started_).count();
  const double rate = static_cast<double>(done_ - start_done_) / std::max(seconds, 1e-9);
  std::string text = label_;
  if (total_ > 0) {
    const double share =
        std::clamp(static_cast<double>(done_) / static_cast<double>(total_), 0.0, 1.0);
    const auto cells = static_cast<std::size_t>(std::floor(share * kBarCells));
    text += fmt::format(" {}/{}", done_, total_);
    if (style_ == ProgressStyle::kBar) {
      text += fmt::format(" [{}{}]", std::string(cells, '#'), std::string(kBarCells - cells, '-'));
    }
    text += fmt::format(" {:.0f}%", std::floor(100.0 * share));
  } else {
    text += fmt::format(" {}", done_);
  }
  if (rate > 0) text += " " + rate_text(rate);
  if (last) {
    text += " in " + duration_text(seconds);
  } else if (rate > 0 && total_ > done_) {
    text += " " + duration_text(static_cast<double>(total_ - done_) / rate) + " left";
  }
  if (!note_.empty()) text += "  " + note_;
  if (style_ == ProgressStyle::kBar) {
    // Return to the start of the row, draw, erase what a longer text left behind.
    text = "\r" + fit_to_terminal(text, stream_) + "\x1b[K";
  }
  if (style_ != ProgressStyle::kBar || last) text += '\n';
  std::fputs(text.c_str(), stream_);  // a closed stream is no reason to stop the work
  std::fflush(stream_);
}

}  // namespace ergon
