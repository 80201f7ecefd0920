#pragma once

#include <exception>
#include <new>
#include <string>

#include "engine_outcome.hpp"
#include "ergon/core/errors.hpp"
#include "rl/train_request.hpp"

namespace ergon::app {

/// Every exception of an entry to an outcome. `memory_advice`: what to ask less of when memory is
/// short, "--replay".
template <class Work>
EngineOutcome carried_out(const Work& work, const char* memory_advice) {
  try {
    return work();
  } catch (const InvalidInput& error) {
    return {kExitInvalidInput, error.what()};
  } catch (const NumericalFailure& error) {
    return {kExitInvalidInput, error.what()};
  } catch (const std::bad_alloc&) {
    return {kExitInvalidInput,
            std::string("not enough memory for this run: take less of ") + memory_advice};
  } catch (const std::exception& error) {
    return {kExitDefect,
            std::string("this is a defect of ours, please report it: ") + error.what()};
  }
}

}  // namespace ergon::app

/// The entry of `ergon rl train`: carries out a training and writes its folder. It never throws,
/// and prints progress on stderr and nothing else. The entries of other subcommands are declared
/// beside their requests.
extern "C" void ergon_rl_engine_train(ergon::app::TrainRequest* request,
                                      ergon::app::EngineOutcome* outcome);
