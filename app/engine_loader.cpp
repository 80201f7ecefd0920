#include "engine_loader.hpp"

#include <dlfcn.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>

#include "engine/engine.hpp"
#include "ergon/core/errors.hpp"

namespace ergon::app {
namespace {

namespace fs = std::filesystem;

/// The engine lies next to the program in a build, and in ../lib/ergon once installed.
std::string engine_path() {
  std::error_code error;
  const fs::path program = fs::read_symlink("/proc/self/exe", error);
  require(!error, "cannot find the program's own folder through /proc/self/exe: {}",
          error.message());
  const fs::path folder = program.parent_path();
  const fs::path places[] = {folder / "libergon_engine.so",
                             folder.parent_path() / "lib" / "ergon" / "libergon_engine.so"};
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

template <class Request>
int run_by(const char* symbol, Request& request) {
  const std::string path = engine_path();
  shorten_openmp_spin();
  void* library = dlopen(path.c_str(), RTLD_LAZY | RTLD_LOCAL);
  if (library == nullptr) fail("the engine {} cannot be loaded: {}", path, dlerror());
  const auto function = reinterpret_cast<EngineFunction<Request>>(dlsym(library, symbol));
  require(function != nullptr, "{} is not ergon's engine; build or install ergon again", path);
  EngineOutcome outcome;
  function(&request, &outcome);
  if (!outcome.message.empty()) std::fputs(("ergon: " + outcome.message + "\n").c_str(), stderr);
  return outcome.exit_status;  // the library stays loaded: libtorch cannot be unloaded
}

}  // namespace

int run_engine(SampleRequest& request) { return run_by(kSampleSymbol, request); }
int run_engine(FitFlowRequest& request) { return run_by(kFitFlowSymbol, request); }

}  // namespace ergon::app
