#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <png.h>
#include <zlib.h>

#include <string>
#include <vector>

#include "ergon/core/errors.hpp"
#include "ergon/core/png.hpp"
#include "temporary_folder.hpp"

namespace ergon {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::message_of;

struct Chunk {
  std::string name;
  std::string content;
};

/// A part of an animation: what fcTL says, and the compressed pixels.
struct Frame {
  std::string control;
  std::string pixels;
};

std::uint32_t number(const std::string& bytes, std::size_t at, int size = 4) {
  std::uint32_t value = 0;
  for (int i = 0; i < size; ++i) value = value << 8 | static_cast<unsigned char>(bytes.at(at + i));
  return value;
}

std::string four_bytes(std::uint32_t value) {
  std::string bytes;
  for (int shift = 24; shift >= 0; shift -= 8) bytes += static_cast<char>(value >> shift & 0xFF);
  return bytes;
}

std::uint32_t sum_of(const std::string& bytes) {
  return static_cast<std::uint32_t>(
      ::crc32(0, reinterpret_cast<const Bytef*>(bytes.data()), static_cast<uInt>(bytes.size())));
}

/// The chunks, whose sums are checked.
std::vector<Chunk> chunks_of(const std::string& png) {
  std::vector<Chunk> chunks;
  for (std::size_t at = 8; at < png.size();) {
    const std::uint32_t length = number(png, at);
    const std::string body = png.substr(at + 4, 4 + length);
    EXPECT_EQ(number(png, at + 8 + length), sum_of(body));
    chunks.push_back({body.substr(0, 4), body.substr(4)});
    at += 12 + length;
  }
  return chunks;
}

std::vector<std::string> names_of(const std::string& png) {
  std::vector<std::string> names;
  for (const Chunk& chunk : chunks_of(png)) {
    if (names.empty() || names.back() != chunk.name) names.push_back(chunk.name);
  }
  return names;
}

/// The frames; fcTL and fdAT must be numbered from 0 without a gap.
std::vector<Frame> frames_of(const std::string& png) {
  std::vector<Frame> frames;
  std::uint32_t sequence = 0;
  for (const Chunk& chunk : chunks_of(png)) {
    if (chunk.name == "fcTL" || chunk.name == "fdAT") {
      EXPECT_EQ(number(chunk.content, 0), sequence++);
    }
    if (chunk.name == "fcTL") frames.push_back({chunk.content, ""});
    if (chunk.name == "IDAT") frames.back().pixels += chunk.content;
    if (chunk.name == "fdAT") frames.back().pixels += chunk.content.substr(4);
  }
  return frames;
}

Image8 decoded(const std::string& bytes, std::int64_t channels) {
  png_image header{};
  header.version = PNG_IMAGE_VERSION;
  EXPECT_TRUE(png_image_begin_read_from_memory(&header, bytes.data(), bytes.size()))
      << header.message;
  header.format = channels == 1 ? PNG_FORMAT_GRAY : PNG_FORMAT_RGB;
  Image8 image{header.width, header.height, channels, {}};
  image.bytes.resize(PNG_IMAGE_SIZE(header));
  EXPECT_TRUE(png_image_finish_read(&header, nullptr, image.bytes.data(), 0, nullptr))
      << header.message;
  return image;
}

/// A frame as a picture of its own: the animation's signature and IHDR with these pixels.
std::string plain_png(const std::string& animation, const Frame& frame) {
  const std::string body = "IDAT" + frame.pixels;
  return animation.substr(0, 8 + 25) + four_bytes(static_cast<std::uint32_t>(frame.pixels.size())) +
         body + four_bytes(sum_of(body)) + animation.substr(animation.size() - 12);
}

Image8 picture(std::int64_t columns, std::int64_t rows, std::int64_t channels, int seed) {
  Image8 image{columns, rows, channels, {}};
  for (std::int64_t i = 0; i < columns * rows * channels; ++i) {
    image.bytes.push_back(static_cast<std::uint8_t>((i * i * 7 + i * 31 + 50 * seed) % 256));
  }
  return image;
}

TEST(CoreApng, EveryFrameDecodesToItsPixels) {
  for (const std::int64_t channels : {1, 3}) {
    std::vector<Image8> images;
    for (int i = 0; i < 4; ++i) images.push_back(picture(90, 70, channels, i));
    const std::string animation = encode_apng(images, 0.04);
    const std::vector<Frame> frames = frames_of(animation);
    ASSERT_EQ(frames.size(), 4u);
    for (std::size_t i = 0; i < 4; ++i) {
      EXPECT_EQ(decoded(plain_png(animation, frames[i]), channels).bytes, images[i].bytes);
      EXPECT_EQ(number(frames[i].control, 4), 90u);
      EXPECT_EQ(number(frames[i].control, 8), 70u);
      EXPECT_EQ(number(frames[i].control, 12), 0u);
      EXPECT_EQ(number(frames[i].control, 16), 0u);
      EXPECT_EQ(number(frames[i].control, 20, 2), 40u);
      EXPECT_EQ(number(frames[i].control, 22, 2), 1000u);
      EXPECT_EQ(number(frames[i].control, 24, 2), 0u);
    }
  }
}

TEST(CoreApng, APlainReaderSeesTheFirstFrame) {
  const std::string animation = encode_apng({picture(9, 5, 3, 1), picture(9, 5, 3, 2)}, 0.1);
  EXPECT_EQ(decoded(animation, 3).bytes, picture(9, 5, 3, 1).bytes);
}

TEST(CoreApng, HasItsChunksInOrderAndRepeatsForEver) {
  const std::string animation = encode_apng({picture(9, 5, 1, 1), picture(9, 5, 1, 2)}, 0.1);
  EXPECT_EQ(animation.substr(0, 8), "\x89PNG\r\n\x1a\n");
  EXPECT_THAT(names_of(animation),
              ElementsAre("IHDR", "sRGB", "acTL", "fcTL", "IDAT", "fcTL", "fdAT", "IEND"));
  const Chunk control = chunks_of(animation)[2];
  EXPECT_EQ(number(control.content, 0), 2u);
  EXPECT_EQ(number(control.content, 4), 0u);
}

TEST(CoreApng, ShowsNeighboursThatAreTheSameAsOneFrameForLonger) {
  const Image8 one = picture(9, 5, 3, 1), two = picture(9, 5, 3, 2);
  const std::vector<Frame> frames = frames_of(encode_apng({one, one, one, two, one}, 0.02));
  ASSERT_EQ(frames.size(), 3u);
  EXPECT_EQ(number(frames[0].control, 20, 2), 60u);
  EXPECT_EQ(number(frames[1].control, 20, 2), 20u);
  EXPECT_EQ(number(frames[2].control, 20, 2), 20u);
}

TEST(CoreApng, ShowsNoFrameForLongerThanTheFormatCanSay) {
  const Image8 one = picture(9, 5, 3, 1);
  const std::vector<Frame> frames = frames_of(encode_apng({one, one, one}, 30.0));
  ASSERT_EQ(frames.size(), 2u);
  EXPECT_EQ(number(frames[0].control, 20, 2), 60000u);
  EXPECT_EQ(number(frames[1].control, 20, 2), 30000u);
}

TEST(CoreApng, IsTheSameBytesForTheSameFrames) {
  const std::vector<Image8> images = {picture(9, 5, 3, 1), picture(9, 5, 3, 2)};
  EXPECT_EQ(encode_apng(images, 0.1), encode_apng(images, 0.1));
  EXPECT_NE(encode_apng(images, 0.1), encode_apng(images, 0.2));
}

TEST(CoreApng, RefusesFramesThatDoNotFitOneAnother) {
  const Image8 one = picture(9, 5, 3, 1);
  EXPECT_THAT(message_of([] { encode_apng({}, 0.1); }), HasSubstr("at least one frame"));
  EXPECT_THAT(message_of([&] {
                encode_apng({one, picture(9, 6, 3, 1)}, 0.1);
              }),
              HasSubstr("one size"));
  EXPECT_THROW(encode_apng({one, picture(9, 5, 1, 1)}, 0.1), InvalidInput);
  EXPECT_THROW(encode_apng({one}, 0.0), InvalidInput);
  EXPECT_THROW(encode_apng({one}, 61.0), InvalidInput);
  EXPECT_THROW(encode_apng({{9, 5, 3, {1, 2}}}, 0.1), InvalidInput);
}

}  // namespace
}  // namespace ergon
