#include "flow_input.hpp"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>

#include "ergon/core/csv.hpp"
#include "ergon/core/errors.hpp"
#include "ergon/core/tensor_io.hpp"
#include "ergon/image/dataset.hpp"

namespace ergon::app {
namespace {

constexpr std::int64_t kFewestRows = 2;  // for a standard error
constexpr double kPixelWidth = 1.0;      // of the noise that makes pixels continuous

/// (n, D) float64, uint8 for images.
struct Points {
  Tensor values;
  std::optional<ImageShape> image;
};

std::string names_of(const NamedTensors& arrays) {
  std::string names;
  for (const auto& [name, tensor] : arrays) names += (names.empty() ? "" : ", ") + name;
  return names;
}

/// The array that is asked for, else 'samples' or 'x', else the first with two axes.
Tensor chosen_array(const NamedTensors& arrays, const std::string& asked, const std::string& path) {
  const auto find = [&arrays](const std::string& wanted) {
    return std::find_if(arrays.begin(), arrays.end(),
                        [&](const auto& array) { return array.first == wanted; });
  };
  if (!asked.empty()) {
    const auto found = find(asked);
    require(found != arrays.end(), "--samples-array: {} holds no array '{}'; it holds: {}", path,
            asked, names_of(arrays));
    require(found->second.dim() == 2,
            "--samples-array: '{}' of {} has {} axes, but must have two: points and coordinates",
            asked, path, found->second.dim());
    return found->second;
  }
  for (const char* name : {"samples", "x"}) {
    const auto found = find(name);
    if (found != arrays.end() && found->second.dim() == 2) return found->second;
  }
  const auto table = std::find_if(arrays.begin(), arrays.end(),
                                  [](const auto& array) { return array.second.dim() == 2; });
  require(table != arrays.end(),
          "--samples: {} holds no array of numbers with two axes, points and coordinates", path);
  return table->second;
}

Points read_points(const std::string& path, const FlowDataOptions& options) {
  switch (samples_kind(path)) {
    case SamplesKind::kTable:
      return {to_tensor(read_csv(path)), {}};
    case SamplesKind::kArrays:
      return {chosen_array(load_tensors(path), options.array, path).to(at::kDouble), {}};
    case SamplesKind::kImages:
      break;
  }
  const ImageSet images = pool_images(load_images(path), options.image_pool);
  return {images.pixels, ImageShape{images.channels, images.rows, images.columns}};
}

void require_finite(const char* option, const Tensor& values, const std::string& path) {
  const Tensor broken = values.isfinite().logical_not().nonzero();
  if (broken.size(0) == 0) return;
  fail("{}: {}: row {}, column {} is not a finite number; leave such rows out", option, path,
       broken[0][0].item<std::int64_t>() + 1, broken[0][1].item<std::int64_t>() + 1);
}

/// Refuses what no density can be fitted to, naming the place.
void check_points(const Points& points, const std::string& path) {
  const Tensor& values = points.values;
  require(values.size(1) >= 1, "--samples: {} has no columns", path);
  if (points.image) return;
  require_finite("--samples", values, path);
  const Tensor constant = (values.amax(0) == values.amin(0)).nonzero();
  if (constant.size(0) > 0) {
    fail(
        "--samples: column {} of {} has one value alone, at which no density is finite; leave the "
        "column out",
        constant[0][0].item<std::int64_t>() + 1, path);
  }
}

TrainingData split(const Tensor& rows, double share, Seed seed) {
  const std::int64_t count = rows.size(0);
  require(count >= 2 * kFewestRows, "--samples: {} rows are too few; at least {} are needed", count,
          2 * kFewestRows);
  const auto wanted = static_cast<std::int64_t>(std::llround(share * static_cast<double>(count)));
  const std::int64_t held_out = std::clamp(wanted, kFewestRows, count - kFewestRows);
  const Tensor order =
      draw::uniform_like(at::empty({count}, at::kDouble), seed.child("split").generator())
          .argsort();
  TrainingData data;
  data.held_out = rows.index_select(0, order.narrow(0, 0, held_out));
  data.train = rows.index_select(0, order.narrow(0, held_out, count - held_out));
  return data;
}

/// The points of a second file, which must be like those of --samples.
Tensor further_points(const char* option,
                      const std::string& path,
                      const FlowDataOptions& options,
                      std::int64_t dim) {
  const Tensor points = read_points(path, options).values;
  require(points.size(1) == dim, "{}: {} has points of {} coordinates, {} of {}", option, path,
          points.size(1), options.samples, dim);
  require(points.size(0) >= kFewestRows, "{}: {} has {} rows, at least {} are needed", option, path,
          points.size(0), kFewestRows);
  require_finite(option, points, path);
  return points;
}

TrainingData data_of_files(const FlowDataOptions& options, Seed seed, FlowInput& input) {
  const Points points = read_points(options.samples, options);
  require(points.values.size(0) >= 1, "--samples: {} holds no points", options.samples);
  check_points(points, options.samples);
  input.image = points.image;
  TrainingData data;
  if (options.held_out_samples.empty()) {
    data = split(points.values, options.held_out_share, seed);
  } else {
    data.held_out = further_points("--held-out-samples", options.held_out_samples, options,
                                   points.values.size(1));
    data.train = points.values;
  }
  if (!options.test_samples.empty()) {
    input.test =
        further_points("--test-samples", options.test_samples, options, points.values.size(1));
  }
  data.dequantisation = points.image ? kPixelWidth : 0.0;
  return data;
}

TrainingData exact_data(const Target& target, const FitFlowSettings& settings, Seed seed) {
  const auto draw = [&](std::int64_t count, const char* purpose) {
    const auto points = target.sample(count, seed.child(purpose).generator());
    require(points.has_value(),
            "--train-draws: {} cannot be sampled exactly; give draws of it as --samples, or leave "
            "the option out to learn from the flow's own draws",
            target.name());
    return *points;
  };
  TrainingData data;
  data.train = draw(settings.data.train_draws, "train-draws");
  data.held_out = draw(settings.fit.held_out_draws, "held-out-draws");
  return data;
}

void settle_image_options(const ImageShape& image, FitFlowSettings& settings) {
  NormalizingFlowOptions& flow = settings.flow;
  if (takes_flow_option(flow.architecture, "flow-channels")) flow.channels = image.channels;
  if (takes_flow_option(flow.architecture, "flow-rows")) flow.rows = image.rows;
  if (!settings.levels_may_shrink) return;
  const std::int64_t levels = std::min(flow.levels, possible_levels(image.rows, image.columns));
  flow.levels = std::max<std::int64_t>(1, levels);
  settings.levels_may_shrink = false;
}

}  // namespace

FlowInput load_flow_input(FitFlowSettings& settings) {
  const Seed seed(settings.seed);
  FlowInput input;
  if (settings.has_target()) {
    input.target = make_target(settings.target);
    input.dim = input.target->dim();
  }
  if (!settings.data.samples.empty()) {
    input.data = data_of_files(settings.data, seed, input);
  } else if (settings.data.train_draws > 0) {
    input.data = exact_data(*input.target, settings, seed);
  }
  if (input.data) {
    const std::int64_t dim = input.data->train.size(1);
    require(!input.target || input.dim == dim,
            "--samples: {} has points of {} coordinates, but {} has {}", settings.data.samples, dim,
            settings.target.name, input.dim);
    input.dim = dim;
    settings.fit.batch = std::min(settings.fit.batch, input.data->train.size(0));
  }
  if (input.image) settle_image_options(*input.image, settings);
  settings.flow.validate(input.dim);
  return input;
}

}  // namespace ergon::app
