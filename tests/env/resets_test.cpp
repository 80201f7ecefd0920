// Starts of episodes are those of numpy.random.default_rng(seed), drawn in Gymnasium's order: the
// numbers below are NumPy's.
#include <gmock/gmock.h>

#include <cmath>

#include "env/bare_mujoco.hpp"

namespace ergon {
namespace {

using testing::Numbers;

struct Noise {
  int index;
  double value;
};

struct Start {
  std::string name;
  std::uint64_t seed;
  std::vector<Noise> positions;  ///< added to qpos0
  std::vector<Noise> velocities;
};

// rng = numpy.random.default_rng(seed); then rng.uniform(-a, a, nq), and rng.uniform(-b, b, nv) or
// 0.1 * rng.standard_normal(nv).
const Start kStarts[] = {
    {"Walker2d-v4",
     0,
     {{0, 0.001369616873214543}, {1, -0.002302132862361297}, {8, 0.00043624991465422876}},
     {{0, 0.004350724237877682}, {4, -0.004664144246945357}, {8, 0.00041461220249091723}}},
    {"Hopper-v4",
     0,
     {{0, 0.001369616873214543}, {1, -0.002302132862361297}, {5, 0.004127555772777218}},
     {{0, 0.001066357757671799}, {3, 0.004350724237877682}, {5, -0.00497261499829852}}},
    {"HalfCheetah-v4",
     0,
     {{0, 0.027392337464290872}, {1, -0.04604265724722594}, {8, 0.008724998293084568}},
     {{0, -0.12654214710460526}, {4, -0.021879166393254573}, {8, -0.031630015636915455}}},
    {"Ant-v4",
     0,
     {{0, 0.027392337464290872}, {1, -0.04604265724722594}, {14, 0.045931089285988824}},
     {{0, -0.07322673547034517}, {7, -0.06651946734866136}, {13, -0.045772582566733916}}},
    {"Humanoid-v4",
     0,
     {{0, 0.002739233746429086}, {1, -0.004604265724722594}, {23, 0.0029437902314850013}},
     {{0, 0.0023077022296250777}, {11, -0.003795162488820887}, {22, -0.005456848129332405}}},
    {"Swimmer-v4",
     0,
     {{0, 0.027392337464290872}, {1, -0.04604265724722594}, {4, 0.06265404784005449}},
     {{0, 0.08255111545554436}, {2, 0.045899312196799685}, {4, 0.08701448475755366}}},
    {"InvertedPendulum-v4",
     0,
     {{0, 0.002739233746429086}, {1, -0.004604265724722594}, {1, -0.004604265724722594}},
     {{0, -0.009180529521276107}, {1, -0.009669447289429419}, {1, -0.009669447289429419}}},
    {"InvertedDoublePendulum-v4",
     0,
     {{0, 0.027392337464290872}, {1, -0.04604265724722594}, {2, -0.09180529521276107}},
     {{0, 0.010490011715303971}, {1, -0.0535669373161111}, {2, 0.03615950549094848}}},
    {"Walker2d-v4",
     20231,
     {{0, 0.001726210902105313}, {1, -0.002997185808582448}, {8, -0.0010442664114889118}},
     {{0, -0.003489008728774462}, {4, -0.002197329367406262}, {8, -0.0038026719807187693}}},
    {"Hopper-v4",
     20231,
     {{0, 0.001726210902105313}, {1, -0.002997185808582448}, {5, 0.004064034427203618}},
     {{0, -0.0029956394919036567}, {3, -0.003489008728774462}, {5, 0.0010717888462405322}}},
    {"HalfCheetah-v4",
     20231,
     {{0, 0.03452421804210626}, {1, -0.05994371617164895}, {8, -0.020885328229778247}},
     {{0, 0.0447878483628205}, {4, 0.03684840663814342}, {8, 0.10921210518091287}}},
    {"Ant-v4",
     20231,
     {{0, 0.03452421804210626}, {1, -0.05994371617164895}, {14, -0.05558151768100479}},
     {{0, -0.12050188780898718}, {7, -0.11749788075348899}, {13, -0.2607559173093649}}},
    {"Humanoid-v4",
     20231,
     {{0, 0.003452421804210626}, {1, -0.005994371617164896}, {23, 0.0007818737014938463}},
     {{0, -0.006468660682545415}, {11, -0.0015167115213167628}, {22, -0.0023190756629305077}}},
    {"Swimmer-v4",
     20231,
     {{0, 0.03452421804210626}, {1, -0.05994371617164895}, {4, -0.09729441544121514}},
     {{0, 0.08128068854407236}, {2, 0.05682444575813461}, {4, -0.06978017457548924}}},
    {"InvertedPendulum-v4",
     20231,
     {{0, 0.003452421804210626}, {1, -0.005994371617164896}, {1, -0.005994371617164896}},
     {{0, 0.0035903598746895755}, {1, 0.0019050383831802423}, {1, 0.0019050383831802423}}},
    {"InvertedDoublePendulum-v4",
     20231,
     {{0, 0.03452421804210626}, {1, -0.05994371617164895}, {2, 0.03590359874689575}},
     {{0, -0.1659457193568348}, {1, -0.00232942060072109}, {2, -0.12396303224037718}}},
};

void expect_noise(const Start& start, const Environment& environment) {
  const Numbers numbers(environment);
  EnvironmentState state = environment.state();
  for (const Noise& noise : start.positions) {
    EXPECT_EQ(numbers.positions(state)[noise.index],
              numbers.model().qpos0[noise.index] + noise.value)
        << start.name << ", seed " << start.seed << ", position " << noise.index;
  }
  for (const Noise& noise : start.velocities) {
    EXPECT_EQ(numbers.velocities(state)[noise.index], noise.value)
        << start.name << ", seed " << start.seed << ", velocity " << noise.index;
  }
}

TEST(EnvResets, AreNumpysNumbers) {
  for (const Start& start : kStarts) {
    const auto environment = make_environment({start.name});
    environment->seed(start.seed);
    environment->reset();
    expect_noise(start, *environment);
  }
}

TEST(EnvResets, ContinueTheStreamAndBeginAnewWithASeed) {
  const auto environment = make_environment({"Walker2d-v4"});
  environment->seed(0);
  environment->reset();
  const std::vector<double> first = environment->observation();
  environment->reset();
  EXPECT_NE(environment->observation(), first);
  environment->seed(0);
  environment->reset();
  EXPECT_EQ(environment->observation(), first);
}

// Goals outside the circle are drawn again: twice for seed 0, four times for seed 13.
TEST(EnvResets, ReachersGoalIsDrawnUntilItLiesWithinTheCircle) {
  const Start starts[] = {
      {"Reacher-v4",
       0,
       {{0, 0.027392337464290872}, {1, -0.04604265724722594}},
       {{0, 0.00043624991465422876}, {1, 0.004350724237877682}, {2, 0.0}, {3, 0.0}}},
      {"Reacher-v5",
       13,
       {{0, 0.0729595174033173}, {1, 0.07106050298641181}},
       {{0, -0.004175920561186918}, {1, -0.0006171995269657858}, {2, 0.0}, {3, 0.0}}}};
  const double goals[][2] = {{0.042654310306871945, 0.09179862439359937},
                             {-0.08548135833353183, 0.1254644492155918}};
  for (int i = 0; i < 2; ++i) {
    const auto environment = make_environment({starts[i].name});
    environment->seed(starts[i].seed);
    environment->reset();
    expect_noise(starts[i], *environment);
    EnvironmentState state = environment->state();
    EXPECT_EQ(Numbers(*environment).positions(state)[2], goals[i][0]);
    EXPECT_EQ(Numbers(*environment).positions(state)[3], goals[i][1]);
  }
}

}  // namespace
}  // namespace ergon
