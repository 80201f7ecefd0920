#include "ergon/core/figure.hpp"

#include <gmock/gmock.h>

#include <cmath>
#include <cstdlib>
#include <limits>
#include <optional>

#include "temporary_folder.hpp"

namespace ergon {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::message_of;
using ::testing::Not;
using ::testing::StartsWith;
using testing::TemporaryFolder;

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();

/// Empty when every element of the XML text is closed in order; else the place of the fault.
std::string xml_fault(const std::string& text) {
  std::vector<std::string> open;
  for (std::size_t at = text.find('<'); at != std::string::npos; at = text.find('<', at)) {
    const std::size_t end = text.find('>', at);
    if (end == std::string::npos) return "a tag is not closed";
    const std::string tag = text.substr(at + 1, end - at - 1);
    at = end;
    if (tag.empty() || tag.find('<') != std::string::npos) return "bad tag: " + tag;
    if (tag.front() == '?' || tag.front() == '!' || tag.back() == '/') continue;
    if (tag.front() != '/') {
      open.push_back(tag.substr(0, tag.find_first_of(" \n\t")));
    } else if (open.empty() || open.back() != tag.substr(1)) {
      return "unexpected </" + tag.substr(1) + ">";
    } else {
      open.pop_back();
    }
  }
  return open.empty() ? "" : "<" + open.back() + "> is not closed";
}

std::size_t count(const std::string& text, const std::string& part) {
  std::size_t found = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) {
    ++found;
  }
  return found;
}

LineFigure entropy_figure() {
  LineFigure figure{"Entropy along the steps", "step", "entropy (nats)", {}};
  figure.curves.push_back({"first order", {0, 1, 2, 3}, {1, 2, 2.5, 2.7}});
  figure.curves[0].lower = {0.9, 1.9, 2.4, 2.6};
  figure.curves[0].upper = {1.1, 2.1, 2.6, 2.8};
  figure.references = {{2.84, "exact"}};
  return figure;
}

/// A standard normal on [-4, 4]².
DensityGrid normal_grid() {
  DensityGrid grid{-4, 4, -4, 4, 41, 41, {}};
  for (int row = 0; row < 41; ++row) {
    for (int col = 0; col < 41; ++col) {
      const double x = -4 + 0.2 * col;
      const double y = -4 + 0.2 * row;
      grid.log_density.push_back(-0.5 * (x * x + y * y));
    }
  }
  return grid;
}

/// Sets an environment variable until the end of the scope.
class Environment {
 public:
  Environment(const char* name, const char* value) : name_(name) {
    if (const char* previous = std::getenv(name)) previous_ = previous;
    ::setenv(name, value, 1);
  }
  ~Environment() {
    if (previous_) {
      ::setenv(name_, previous_->c_str(), 1);
    } else {
      ::unsetenv(name_);
    }
  }
  Environment(const Environment&) = delete;
  Environment& operator=(const Environment&) = delete;

 private:
  const char* name_;
  std::optional<std::string> previous_;
};

class CoreFigure : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!have_gnuplot()) GTEST_SKIP() << "gnuplot is not installed";
  }
};

TEST_F(CoreFigure, ALegendOfManyLongNamesMakesTheFigureHigher) {
  LineFigure figure = entropy_figure();
  EXPECT_THAT(render_svg(figure), HasSubstr("height=\"440\""));
  figure.curves.resize(5, figure.curves[0]);
  for (Curve& curve : figure.curves) curve.name = std::string(60, 'n');
  EXPECT_THAT(render_svg(figure), HasSubstr("height=\"520\""));
}

TEST_F(CoreFigure, ADashedCurveIsDrawnOtherwiseThanASolidOne) {
  LineFigure figure = entropy_figure();
  figure.references.clear();
  EXPECT_EQ(count(render_svg(figure), "stroke-dasharray"), 0u);
  figure.curves[0].style = CurveStyle::kDashed;
  EXPECT_GT(count(render_svg(figure), "stroke-dasharray"), 0u);
}

TEST_F(CoreFigure, ALineFigureIsASvgThatHoldsItsWords) {
  const std::string svg = render_svg(entropy_figure());
  EXPECT_THAT(svg, AllOf(StartsWith("<?xml"), HasSubstr("<svg"), HasSubstr("</svg>")));
  EXPECT_EQ(xml_fault(svg), "");
  for (const char* word :
       {"Entropy along the steps", "step", "entropy (nats)", "first order", "exact"}) {
    EXPECT_THAT(svg, HasSubstr(word));
  }
}

TEST_F(CoreFigure, TheSameFigureMakesTheSameBytesAndIsWrittenWhole) {
  const TemporaryFolder folder;
  write_svg(entropy_figure(), folder.file("a.svg"));
  EXPECT_EQ(read_file(folder.file("a.svg")), render_svg(entropy_figure()));
  EXPECT_THAT(folder.names(), ElementsAre("a.svg"));
}

TEST_F(CoreFigure, WhatGnuplotNeedsOnDiskIsRemoved) {
  const TemporaryFolder folder;
  const Environment temporary("TMPDIR", folder.file("").c_str());
  render_svg(entropy_figure());
  EXPECT_THAT(folder.names(), IsEmpty());
  const Environment missing("TMPDIR", folder.file("missing").c_str());
  EXPECT_THAT(message_of([] { render_svg(entropy_figure()); }), HasSubstr("TMPDIR"));
}

TEST_F(CoreFigure, TextIsNeverCode) {
  const TemporaryFolder folder;
  const std::string file = folder.file("made");
  const std::string evil = "'; system('touch " + file + "') # `touch " + file + "` $(touch " +
                           file + ") 1(2)3 µ {/Bold x_1^2} \\n <b> & \"q\"\nset output '" + file +
                           "'\n";
  LineFigure figure = entropy_figure();
  figure.title = figure.x_label = figure.y_label = figure.curves[0].name = evil;
  figure.references[0].label = evil;
  const std::string svg = render_svg(figure);
  EXPECT_THAT(folder.names(), IsEmpty());
  EXPECT_EQ(xml_fault(svg), "");
  EXPECT_THAT(
      svg, AllOf(HasSubstr(") 1(2)3 µ {/Bold x_1^2} \\n &lt;b&gt; &amp;"), Not(HasSubstr("<b>"))));
  EXPECT_GE(count(svg, "1(2)3 µ {/Bold x_1^2}"), 5U) << "in title, labels, legend and reference";
}

TEST_F(CoreFigure, NumbersThatAreNotFiniteAreGaps) {
  LineFigure figure{"gaps", "x", "y", {}};
  for (int i = 0; i < 100; ++i) {
    figure.curves.resize(1);
    figure.curves[0].x.push_back(i);
    figure.curves[0].y.push_back(i == 50 ? kNan : i == 70 ? kInfinity : i % 7);
  }
  const std::string with_gaps = render_svg(figure);
  EXPECT_EQ(xml_fault(with_gaps), "");
  EXPECT_THAT(with_gaps, AllOf(Not(HasSubstr("nan")), Not(HasSubstr("inf"))));
  // A line in three pieces starts twice more.
  figure.curves[0].y[50] = figure.curves[0].y[70] = 1.0;
  const std::string whole = render_svg(figure);
  EXPECT_EQ(count(with_gaps, "M"), count(whole, "M") + 2);
}

TEST_F(CoreFigure, AxesAreDrawnWhateverTheNumbers) {
  const std::vector<std::vector<double>> ys = {{},
                                               {5, 5, 5},
                                               {0, 0},
                                               {kNan, kNan},
                                               {kInfinity, -kInfinity, 1},
                                               {1e-300, 1e-299},
                                               {-1e299, 1e299},
                                               {1e308, -1e308},
                                               {3.0, 3.0 + 1e-15},
                                               {-1, 0, 1e-5, 1e9}};
  for (const bool log : {false, true}) {
    for (const std::vector<double>& y : ys) {
      Curve curve{"c", {}, y};
      for (std::size_t i = 0; i < y.size(); ++i) curve.x.push_back(static_cast<double>(i));
      LineFigure figure{"any", "x", "y", {curve}};
      figure.log_y = log;
      EXPECT_EQ(xml_fault(render_svg(figure)), "") << ::testing::PrintToString(y) << " log " << log;
    }
  }
  EXPECT_EQ(xml_fault(render_svg(LineFigure{"empty", "", "", {}})), "");
}

TEST_F(CoreFigure, ALogarithmicAxisHasReadableTicks) {
  LineFigure figure{"log", "N", "seconds", {{"t", {1, 2, 3}, {0.02, 0.3, 0.04}}}};
  figure.log_y = true;
  EXPECT_THAT(render_svg(figure), AllOf(HasSubstr(">0.05<"), HasSubstr(">0.2<")));
}

TEST_F(CoreFigure, ALongCurveStaysSmallAndKeepsItsPeak) {
  Curve curve;
  for (int i = 0; i < 200000; ++i) {
    curve.x.push_back(i);
    curve.y.push_back(i == 123456 ? 10.0 : 0.0);
  }
  LineFigure figure{"long", "step", "y", {curve}, {{10.0, "fixes the axis"}}};
  const std::string with_peak = render_svg(figure);
  EXPECT_LT(with_peak.size(), 300000U);
  figure.curves[0].y[123456] = 0.0;
  EXPECT_NE(with_peak, render_svg(figure)) << "the peak was lost";
}

TEST_F(CoreFigure, PanelsStandInOnePicture) {
  LineFigure second = entropy_figure();
  second.title = "Acceptance";
  second.references.clear();
  const std::string svg = render_svg(PanelFigure{"One run", {entropy_figure(), second}});
  EXPECT_EQ(xml_fault(svg), "");
  EXPECT_EQ(count(svg, "<svg"), 1U);
  EXPECT_THAT(svg,
              AllOf(HasSubstr("One run"), HasSubstr("Entropy along"), HasSubstr(">Acceptance<")));
  EXPECT_EQ(count(svg, ">exact<"), 1U) << "a label must not leak into the next panel";
}

TEST_F(CoreFigure, ContoursFollowTheDensityUnderTheParticles) {
  ContourFigure figure{"normal", "x1", "x2", normal_grid(), {"particles", {0, 1, 9}, {0, 1, 9}}};
  const std::string filled = render_svg(figure);
  EXPECT_EQ(xml_fault(filled), "");
  EXPECT_THAT(filled, AllOf(HasSubstr("data:image/png"), HasSubstr("particles (1 outside)")));
  figure.style = ContourStyle::kLines;
  const std::string lines = render_svg(figure);
  EXPECT_THAT(lines, Not(HasSubstr("data:image/png")));
  figure.density.log_density.assign(41 * 41, 0.0);
  EXPECT_LT(render_svg(figure).size(), lines.size()) << "a flat density has no contours";
}

TEST_F(CoreFigure, DensitiesThatAreNowhereFiniteLeaveThePointsAlone) {
  ContourFigure figure{"odd", "x1", "x2", normal_grid(), {"particles", {0, 1}, {0, kNan}}};
  for (const double value : {-kInfinity, kInfinity, kNan}) {
    figure.density.log_density.assign(41 * 41, value);
    EXPECT_EQ(xml_fault(render_svg(figure)), "") << value;
    figure.density.log_density[840] = 0.0;
    EXPECT_EQ(xml_fault(render_svg(figure)), "") << value;
  }
  figure.density = {};
  EXPECT_THAT(render_svg(figure), HasSubstr("particles"));
}

TEST_F(CoreFigure, ManyPointsAreThinnedAndTheLegendSaysSo) {
  ContourFigure figure{"normal", "x1", "x2", normal_grid(), {"particles", {}, {}}};
  for (int i = 0; i < 50000; ++i) {
    figure.particles.x.push_back(std::cos(i));
    figure.particles.y.push_back(std::sin(i));
  }
  const std::string svg = render_svg(figure);
  EXPECT_THAT(svg, HasSubstr("particles (4000 of 50000 shown)"));
  EXPECT_LT(svg.size(), 1000000U);
}

TEST_F(CoreFigure, PairsShowUpToFiveCoordinates) {
  PairsFigure figure;
  figure.title = "posterior";
  figure.particles = {"particles", 7, {}};
  for (int i = 0; i < 7 * 100; ++i) figure.particles.values.push_back(std::sin(i * 1.7));
  figure.second = figure.particles;
  figure.second.name = "NUTS";
  figure.second.values[3] = kNan;
  const std::string svg = render_svg(figure);
  EXPECT_EQ(xml_fault(svg), "");
  EXPECT_THAT(svg, HasSubstr("posterior (the first 5 of 7 coordinates)"));
  EXPECT_THAT(svg, AllOf(HasSubstr(">x5<"), HasSubstr(">NUTS<"), Not(HasSubstr(">x6<"))));
  EXPECT_EQ(xml_fault(render_svg(PairsFigure{"one", {"weight"}, {"p", 1, {1, 1, 1}}})), "");
  EXPECT_EQ(xml_fault(render_svg(PairsFigure{"none", {}, {"p", 2, {}}})), "");
}

TEST_F(CoreFigure, AnAnimationHasOnePictureAFrame) {
  AnimationFigure figure;
  figure.background = {"normal", "x1", "x2", normal_grid(), {}};
  for (int i = 0; i < 4; ++i) {
    figure.frames.push_back({"particles", {0.5 * i, 1.0}, {0.5 * i, -1.0}});
    figure.captions.push_back("step " + std::to_string(i));
  }
  const TemporaryFolder folder;
  write_gif(figure, folder.file("a.gif"));
  const std::string gif = read_file(folder.file("a.gif"));
  EXPECT_THAT(gif, AllOf(StartsWith("GIF89a"), HasSubstr("NETSCAPE2.0")));
  EXPECT_EQ(count(gif, std::string("\x21\xF9\x04", 3)), 4U) << "graphic control extensions";
  EXPECT_EQ(gif.back(), ';');
}

TEST(CoreFigureInput, ListsOfDifferentLengthsAreRefused) {
  LineFigure line{"l", "x", "y", {{"c", {1, 2}, {1}}}};
  EXPECT_THAT(message_of([&] { render_svg(line); }),
              AllOf(HasSubstr("'c'"), HasSubstr("2 x, 1 y")));
  line.curves[0] = {"c", {1, 2}, {1, 2}, {0}, {3}};
  EXPECT_THAT(message_of([&] { render_svg(line); }), HasSubstr("1 lower"));
  ContourFigure contour{"c", "", "", normal_grid(), {"p", {1}, {}}};
  EXPECT_THAT(message_of([&] { render_svg(contour); }), HasSubstr("'p'"));
  contour.density.log_density.pop_back();
  EXPECT_THAT(message_of([&] { render_svg(contour); }), HasSubstr("1680 values"));
  contour.density = {1, 1, 0, 1, 2, 2, {0, 0, 0, 0}};
  EXPECT_THAT(message_of([&] { render_svg(contour); }), HasSubstr("empty"));
  EXPECT_THAT(message_of([] {
                render_svg(PairsFigure{"p", {}, {"q", 2, {1, 2, 3}}});
              }),
              HasSubstr("3 numbers"));
  EXPECT_THAT(message_of([] {
                render_svg(PairsFigure{"p", {"a"}, {"q", 2, {1, 2}}});
              }),
              HasSubstr("1 labels"));
  EXPECT_THAT(message_of([] { render_svg(PanelFigure{"p", {}}); }), HasSubstr("no panels"));
  EXPECT_THAT(message_of([] { render_gif({}); }), HasSubstr("no frames"));
}

TEST(CoreFigureInput, WithoutGnuplotTheMessageSaysWhatToInstall) {
  const TemporaryFolder folder;
  const Environment no_programs("PATH", folder.file("").c_str());
  EXPECT_FALSE(have_gnuplot());
  EXPECT_THAT(message_of([] { render_svg(entropy_figure()); }),
              AllOf(HasSubstr("gnuplot"), HasSubstr("apt-get install gnuplot-nox")));
}

}  // namespace
}  // namespace ergon
