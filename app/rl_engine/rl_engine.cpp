#include "rl_engine/rl_engine.hpp"

#include "rl_engine/train_run.hpp"

extern "C" void ergon_rl_engine_train(ergon::app::TrainRequest* request,
                                      ergon::app::EngineOutcome* outcome) {
  using namespace ergon::app;
  *outcome = carried_out([&] { return train(*request); },
                         "--replay, --batch, --actor-hidden or --critic-hidden");
}
