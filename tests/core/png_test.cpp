#include "ergon/core/png.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <png.h>

#include "ergon/core/errors.hpp"
#include "temporary_folder.hpp"

namespace ergon {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::message_of;

Image8 picture(std::int64_t columns, std::int64_t rows, std::int64_t channels, int seed) {
  Image8 image{columns, rows, channels, {}};
  for (std::int64_t i = 0; i < columns * rows * channels; ++i) {
    image.bytes.push_back(static_cast<std::uint8_t>((i * i * 7 + i * 31 + seed) % 256));
  }
  return image;
}

/// What libpng reads.
Image8 decoded(const std::string& bytes) {
  png_image header{};
  header.version = PNG_IMAGE_VERSION;
  EXPECT_TRUE(png_image_begin_read_from_memory(&header, bytes.data(), bytes.size()))
      << header.message;
  const bool grey = (header.format & PNG_FORMAT_FLAG_COLOR) == 0;
  header.format = grey ? PNG_FORMAT_GRAY : PNG_FORMAT_RGB;
  Image8 image{header.width, header.height, grey ? 1 : 3, {}};
  image.bytes.resize(PNG_IMAGE_SIZE(header));
  EXPECT_TRUE(png_image_finish_read(&header, nullptr, image.bytes.data(), 0, nullptr))
      << header.message;
  return image;
}

void expect_same(const Image8& actual, const Image8& expected) {
  EXPECT_EQ(actual.columns, expected.columns);
  EXPECT_EQ(actual.rows, expected.rows);
  EXPECT_EQ(actual.channels, expected.channels);
  EXPECT_EQ(actual.bytes, expected.bytes);
}

TEST(CorePng, IsReadBackByLibpng) {
  for (const std::int64_t channels : {1, 3}) {
    for (const auto& [columns, rows] : {std::pair{1, 1}, std::pair{17, 5}, std::pair{300, 200}}) {
      const Image8 image = picture(columns, rows, channels, 3);
      expect_same(decoded(encode_png(image)), image);
    }
  }
}

TEST(CorePng, IsTheSameBytesForTheSamePicture) {
  EXPECT_EQ(encode_png(picture(20, 10, 3, 1)), encode_png(picture(20, 10, 3, 1)));
  EXPECT_NE(encode_png(picture(20, 10, 3, 1)), encode_png(picture(20, 10, 3, 2)));
}

TEST(CorePng, RefusesSizesThatDoNotFit) {
  EXPECT_THAT(message_of([] { encode_png({2, 2, 1, {1, 2, 3}}); }), HasSubstr("3 bytes"));
  EXPECT_THAT(message_of([] { encode_png({1, 1, 2, {1, 2}}); }), HasSubstr("2 channels"));
  EXPECT_THROW(encode_png({0, 4, 1, {}}), InvalidInput);
  EXPECT_THROW(encode_png({std::int64_t{1} << 40, 1, 1, {}}), InvalidInput);
}

TEST(CorePng, LaysPicturesOnASheet) {
  const Image8 one{2, 1, 1, {10, 20}}, two{2, 1, 1, {30, 40}}, three{2, 1, 1, {50, 60}};
  const Image8 sheet = image_sheet({one, two, three}, {2, 1, 1});
  EXPECT_EQ(sheet.columns, 7);
  EXPECT_EQ(sheet.rows, 5);
  EXPECT_THAT(sheet.bytes, ElementsAre(255, 255, 255, 255, 255, 255, 255,  //
                                       255, 10, 20, 255, 30, 40, 255,      //
                                       255, 255, 255, 255, 255, 255, 255,  //
                                       255, 50, 60, 255, 255, 255, 255,    //
                                       255, 255, 255, 255, 255, 255, 255));
}

TEST(CorePng, MagnifiesPicturesAndGapsAlike) {
  const Image8 colour{1, 1, 3, {1, 2, 3}};
  const Image8 sheet = image_sheet({colour}, {8, 0, 2});
  expect_same(sheet, {2, 2, 3, {1, 2, 3, 1, 2, 3, 1, 2, 3, 1, 2, 3}});
  const Image8 framed = image_sheet({colour}, {8, 1, 3});
  EXPECT_EQ(framed.columns, 9);
  EXPECT_EQ(framed.rows, 9);
}

TEST(CorePng, RefusesSheetsOfUnlikePictures) {
  EXPECT_THROW(image_sheet({}), InvalidInput);
  EXPECT_THAT(message_of([] {
                image_sheet({picture(2, 2, 1, 0), picture(2, 3, 1, 0)});
              }),
              HasSubstr("one size"));
  EXPECT_THROW(image_sheet({picture(2, 2, 1, 0)}, {0, 1, 1}), InvalidInput);
  EXPECT_THROW(image_sheet({picture(2, 2, 1, 0)}, {1, -1, 1}), InvalidInput);
}

}  // namespace
}  // namespace ergon
