#include <zlib.h>

#include <cmath>
#include <string_view>

#include "ergon/core/errors.hpp"
#include "ergon/core/png.hpp"

namespace ergon {
namespace {

constexpr std::size_t kSignatureBytes = 8;
/// A chunk: length, name, content, sum.
constexpr std::size_t kLengthBytes = 4, kNameBytes = 4, kSumBytes = 4;
/// Times are fractions of 16 bits; frames shown for longer are repeated.
constexpr std::int64_t kMillisecondsPerSecond = 1000, kLongestMilliseconds = 65535;

/// Big end first, as PNG has it.
void put_number(std::string& out, std::uint64_t number, int bytes) {
  for (int i = bytes - 1; i >= 0; --i) out += static_cast<char>(number >> (8 * i) & 0xFF);
}

std::size_t number_at(std::string_view bytes) {
  std::size_t number = 0;
  for (std::size_t i = 0; i < kLengthBytes; ++i) {
    number = number << 8 | static_cast<unsigned char>(bytes[i]);
  }
  return number;
}

void put_chunk(std::string& out, std::string_view name, std::string_view content) {
  std::string body(name);
  body += content;
  put_number(out, content.size(), 4);
  out += body;
  put_number(out, ::crc32_z(0, reinterpret_cast<const Bytef*>(body.data()), body.size()), 4);
}

struct Chunk {
  std::string_view name;
  std::string_view content;
  std::string_view whole;
};

/// The chunks of a PNG file that libpng made.
std::vector<Chunk> chunks_of(std::string_view png) {
  std::vector<Chunk> chunks;
  for (png.remove_prefix(kSignatureBytes); !png.empty();) {
    const std::size_t length = number_at(png);
    const std::size_t whole = kLengthBytes + kNameBytes + length + kSumBytes;
    chunks.push_back({png.substr(kLengthBytes, kNameBytes),
                      png.substr(kLengthBytes + kNameBytes, length), png.substr(0, whole)});
    png.remove_prefix(whole);
  }
  return chunks;
}

/// A picture and how long it is shown.
struct Frame {
  const Image8* image;
  std::int64_t milliseconds;
};

std::vector<Frame> merged(const std::vector<Image8>& images, std::int64_t milliseconds) {
  std::vector<Frame> frames;
  for (const Image8& image : images) {
    const bool longer = !frames.empty() && frames.back().image->bytes == image.bytes &&
                        frames.back().milliseconds + milliseconds <= kLongestMilliseconds;
    if (longer) {
      frames.back().milliseconds += milliseconds;
    } else {
      frames.push_back({&image, milliseconds});
    }
  }
  return frames;
}

/// fcTL: number in the sequence of fcTL and fdAT chunks, sizes, place, time, and that the frame
/// replaces the one before.
std::string frame_control(const Frame& frame, std::uint32_t sequence) {
  std::string control;
  put_number(control, sequence, 4);
  put_number(control, static_cast<std::uint64_t>(frame.image->columns), 4);
  put_number(control, static_cast<std::uint64_t>(frame.image->rows), 4);
  put_number(control, 0, 4);  // left
  put_number(control, 0, 4);  // top
  put_number(control, static_cast<std::uint64_t>(frame.milliseconds), 2);
  put_number(control, kMillisecondsPerSecond, 2);
  put_number(control, 0, 1);  // dispose_op: leave it
  put_number(control, 0, 1);  // blend_op: overwrite
  return control;
}

/// All that comes before the pixels, from the first frame's own file, and acTL: how many frames.
std::string head(const std::string& first_png, std::size_t frames) {
  std::string out = first_png.substr(0, kSignatureBytes);
  for (const Chunk& chunk : chunks_of(first_png)) {
    if (chunk.name == "IDAT") break;
    out += chunk.whole;
  }
  std::string control;
  put_number(control, frames, 4);
  put_number(control, 0, 4);  // repeats: for ever
  put_chunk(out, "acTL", control);
  return out;
}

/// The frame's time and pixels: of the first frame in the chunks of a plain picture, IDAT, of the
/// others in numbered ones.
void put_frame(std::string& out,
               const Frame& frame,
               const std::string& png,
               std::uint32_t& sequence) {
  const bool is_first = sequence == 0;
  put_chunk(out, "fcTL", frame_control(frame, sequence++));
  for (const Chunk& chunk : chunks_of(png)) {
    if (chunk.name != "IDAT") continue;
    if (is_first) {
      out += chunk.whole;
    } else {
      std::string numbered;
      put_number(numbered, sequence++, 4);
      numbered += chunk.content;
      put_chunk(out, "fdAT", numbered);
    }
  }
}

void require_frames(const std::vector<Image8>& frames, double seconds_per_frame) {
  require(!frames.empty(), "an animation needs at least one frame");
  require(seconds_per_frame >= 0.001 && seconds_per_frame <= 60.0,
          "a frame of an animation is shown for 0.001 to 60 seconds, got {}", seconds_per_frame);
  const Image8& first = frames.front();
  for (const Image8& frame : frames) {
    require(frame.columns == first.columns && frame.rows == first.rows &&
                frame.channels == first.channels && frame.bytes.size() == first.bytes.size(),
            "the frames of an animation must have one size, got {} x {} in {} channels after {} x "
            "{} in {}",
            frame.rows, frame.columns, frame.channels, first.rows, first.columns, first.channels);
  }
}

}  // namespace

std::string encode_apng(const std::vector<Image8>& images, double seconds_per_frame) {
  require_frames(images, seconds_per_frame);
  const std::vector<Frame> frames =
      merged(images, std::llround(seconds_per_frame * kMillisecondsPerSecond));
  std::string out;
  std::uint32_t sequence = 0;
  for (const Frame& frame : frames) {
    const std::string png = encode_png(*frame.image);
    if (out.empty()) out = head(png, frames.size());
    put_frame(out, frame, png, sequence);
  }
  put_chunk(out, "IEND", "");
  return out;
}

}  // namespace ergon
