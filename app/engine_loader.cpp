#include "engine_loader.hpp"

#include <dlfcn.h>

#include <cstdlib>
#include <filesystem>

#include "engine/engine.hpp"
#include "ergon/core/errors.hpp"

namespace ergon::app {
namespace {

namespace fs = std::filesystem;

#ifdef ERGON_HAS_RL
constexpr bool kHasReinforcementLearning = true;
#else
constexpr bool kHasReinforcementLearning = false;
#endif

const char* file_of(EngineLibrary library) {
  return library == EngineLibrary::kTensors ? "libergon_engine.so" : "libergon_rl_engine.so";
}

/// An engine lies next to the program in a build, and in ../lib/ergon once installed.
std::string engine_path(EngineLibrary library) {
  require(library == EngineLibrary::kTensors || kHasReinforcementLearning,
          "this build of ergon has no reinforcement learning: install MuJoCo (Debian: "
          "libmujoco-dev, libqhull-dev, libgl-dev) and build it again");
  std::error_code error;
  const fs::path program = fs::read_symlink("/proc/self/exe", error);
  require(!error, "cannot find the program's own folder through /proc/self/exe: {}",
          error.message());
  const fs::path folder = program.parent_path();
  const fs::path places[] = {folder / file_of(library),
                             folder.parent_path() / "lib" / "ergon" / file_of(library)};
  for (const auto& place : places) {
    if (fs::exists(place, error)) return place.string();
  }
  fail("the engine is missing: neither {} nor {} exists; build or install ergon again",
       places[0].string(), places[1].string());
}

/// libgomp's threads would spin for milliseconds after each operation of libtorch, on the cores
/// that the workers of parallel_over then need. Shorter, and still long enough to bridge the gap
/// between two operations. libgomp reads this when it is loaded.
void shorten_openmp_spin() {
  if (std::getenv("OMP_WAIT_POLICY") != nullptr) return;  // the user's own choice
  setenv("GOMP_SPINCOUNT", "2000", 0);
}

}  // namespace

void* engine_entry(EngineLibrary library, const char* symbol) {
  const std::string path = engine_path(library);
  shorten_openmp_spin();
  void* handle = dlopen(path.c_str(), RTLD_LAZY | RTLD_LOCAL);
  if (handle == nullptr) fail("the engine {} cannot be loaded: {}", path, dlerror());
  void* entry = dlsym(handle, symbol);
  require(entry != nullptr, "{} is not ergon's engine; build or install ergon again", path);
  return entry;
}

int run_engine(SampleRequest& request) {
  return run_engine(EngineLibrary::kTensors, kSampleSymbol, request);
}

int run_engine(FitFlowRequest& request) {
  return run_engine(EngineLibrary::kTensors, kFitFlowSymbol, request);
}

}  // namespace ergon::app
