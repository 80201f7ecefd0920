#include "ergon/image/dataset.hpp"

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <numeric>
#include <optional>
#include <string>
#include <vector>

#include "core/temporary_folder.hpp"
#include "ergon/core/errors.hpp"
#include "ergon/core/files.hpp"
#include "image/idx_file.hpp"
#include "support/tolerance.hpp"

namespace ergon::testing {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class ImageDataset : public ::testing::Test {
 protected:
  std::string written(const std::vector<std::uint32_t>& shape,
                      const std::vector<std::uint8_t>& data) {
    const std::string path = folder.file("images");
    write_file(path, idx_bytes(shape, data));
    return path;
  }
  TemporaryFolder folder;
};

TEST_F(ImageDataset, LoadsARowForEveryPicture) {
  const ImageSet grey = load_images(written({2, 1, 3}, {1, 2, 3, 4, 5, 255}));
  EXPECT_TRUE(at::equal(grey.pixels, at::tensor({1, 2, 3, 4, 5, 255}, at::kByte).view({2, 3})));
  EXPECT_THAT(std::vector({grey.channels, grey.rows, grey.columns}), ElementsAre(1, 1, 3));
  const ImageSet colour = load_images(written({1, 3, 1, 2}, {1, 2, 3, 4, 5, 6}));
  EXPECT_EQ(colour.pixels.sizes(), (at::IntArrayRef{1, 6}));
  EXPECT_THAT(std::vector({colour.channels, colour.rows, colour.columns}), ElementsAre(3, 1, 2));
}

TEST_F(ImageDataset, RefusesWhatAreNoPictures) {
  EXPECT_THAT(message_of([&] { load_images(written({3}, {1, 2, 3})); }), HasSubstr("labels"));
  EXPECT_THAT(message_of([&] { load_images(written({0, 2, 2}, {})); }), HasSubstr("no picture"));
}

TEST_F(ImageDataset, PoolsBlocksToTheNearestLevelHalvesUp) {
  // Two channels of 2 x 4: means 2.5 -> 3, 2.25 -> 2, 255, 0.
  const ImageSet images{
      at::tensor({1, 2, 0, 0, 3, 4, 0, 9, 255, 255, 0, 0, 255, 255, 0, 1}, at::kByte).view({1, 16}),
      2, 2, 4};
  const ImageSet pooled = pool_images(images, 2);
  EXPECT_TRUE(at::equal(pooled.pixels, at::tensor({3, 2, 255, 0}, at::kByte).view({1, 4})));
  EXPECT_THAT(std::vector({pooled.channels, pooled.rows, pooled.columns}), ElementsAre(2, 1, 2));
  EXPECT_TRUE(at::equal(pool_images(images, 1).pixels, images.pixels));
  EXPECT_THAT(message_of([&] { pool_images(images, 3); }), HasSubstr("2 x 4"));
  EXPECT_THROW(pool_images(images, 0), InvalidInput);
}

TEST_F(ImageDataset, DequantizesWithinTheLevelOfAPixel) {
  const Tensor pixels = at::arange(256, at::kByte).view({4, 64});
  const Tensor points = dequantized(pixels, at::kDouble, Seed(1).generator());
  EXPECT_TRUE(at::equal(points.floor(), pixels.to(at::kDouble)));
  EXPECT_TRUE(at::equal(points, dequantized(pixels, at::kDouble, Seed(1).generator())));
  EXPECT_FALSE(at::equal(points, dequantized(pixels, at::kDouble, Seed(2).generator())));
  EXPECT_NEAR((points - pixels).mean().item<double>(), 0.5, 4.5 / std::sqrt(12.0 * 256));
}

TEST_F(ImageDataset, DequantizesInsideTheBoxOfPixelsInFloat32) {
  // 255 + u rounds to 256 once in 2^17 draws.
  const Tensor brightest = at::full({1'000'000}, 255, at::kByte);
  const Tensor points = dequantized(brightest, at::kFloat, Seed(3).generator());
  EXPECT_LT(points.max().item<float>(), 256.0F);
  EXPECT_GE(points.min().item<float>(), 255.0F);
  const Tensor darkest = dequantized(at::zeros({1000}, at::kByte), at::kFloat, Seed(4).generator());
  EXPECT_GT(darkest.min().item<float>(), 0.0F);
}

TEST_F(ImageDataset, GivesTheUniformDensityEightBitsPerDimension) {
  EXPECT_NEAR(bits_per_dimension(-196 * std::log(256.0), 196), 8.0, tolerance<double>());
  EXPECT_NEAR(bits_per_dimension(0.0, 196), 0.0, tolerance<double>());
}

TEST_F(ImageDataset, MakesPicturesOfPoints) {
  const Tensor grey = at::tensor({-3.0, 0.9, 255.99, 300.0, 7.0, std::nan("")}).view({1, 6});
  const std::vector<Image8> pictures = as_pictures(grey, 1, 2, 3);
  ASSERT_EQ(pictures.size(), 1U);
  EXPECT_EQ(pictures[0].rows, 2);
  EXPECT_EQ(pictures[0].columns, 3);
  EXPECT_THAT(pictures[0].bytes, ElementsAre(0, 0, 255, 255, 7, 0));
  // Planes of channels become the channels of a pixel.
  const Tensor colour = at::arange(12, at::kFloat).view({2, 6});
  EXPECT_THAT(as_pictures(colour, 3, 1, 2)[1].bytes, ElementsAre(6, 8, 10, 7, 9, 11));
  EXPECT_THROW(as_pictures(colour, 3, 2, 2), InvalidInput);
  EXPECT_THROW(as_pictures(colour, 2, 1, 3), InvalidInput);
}

/// An environment variable for the time of a test.
class Environment {
 public:
  Environment(const char* name, const std::string& value) : name_(name) {
    if (const char* before = std::getenv(name)) before_ = before;
    ::setenv(name, value.c_str(), 1);
  }
  ~Environment() {
    if (before_)
      ::setenv(name_, before_->c_str(), 1);
    else
      ::unsetenv(name_);
  }
  Environment(const Environment&) = delete;
  Environment& operator=(const Environment&) = delete;

 private:
  const char* name_;
  std::optional<std::string> before_;
};

TEST_F(ImageDataset, LooksForFashionMnistInErgonData) {
  write_file(folder.file("train-images-idx3-ubyte"), "");
  const Environment data("ERGON_DATA", folder.file("."));
  EXPECT_THAT(fashion_mnist_path(FashionMnistSplit::kTrain),
              AllOf(HasSubstr(folder.file(".")), HasSubstr("train-images-idx3-ubyte")));
}

TEST_F(ImageDataset, ReadsFashionMnist) {
  std::string path;
  try {
    path = fashion_mnist_path(FashionMnistSplit::kTest);
  } catch (const InvalidInput& absent) {
    EXPECT_THAT(absent.what(), HasSubstr("dataset-fashion-mnist"));
    GTEST_SKIP() << absent.what();
  }
  const ImageSet images = load_images(path);
  EXPECT_EQ(images.pixels.sizes(), (at::IntArrayRef{10000, 784}));
  EXPECT_THAT(std::vector({images.channels, images.rows, images.columns}), ElementsAre(1, 28, 28));
  // The data set's published mean is 0.2860 of 255 for the training part; the test part's is near.
  EXPECT_NEAR(images.pixels.to(at::kFloat).mean().item<double>() / 255, 0.2868, 0.0005);
  const ImageSet pooled = pool_images(images, 2);
  EXPECT_EQ(pooled.pixels.sizes(), (at::IntArrayRef{10000, 196}));
  EXPECT_NEAR(pooled.pixels.to(at::kFloat).mean().item<double>(),
              images.pixels.to(at::kFloat).mean().item<double>(), 0.2)
      << "rounding halves up adds at most 1/8 on average";
}

}  // namespace
}  // namespace ergon::testing
