#pragma once

#include "study.hpp"

/// One function a study; each in a file of its own, with its settings in a table at the top.
namespace ergon::app {

Study learned_entropy_study();
Study calibration_study();
Study evidence_study();
Study log_z_study();
Study entropy_accuracy_study();
Study path_gradients_study();

}  // namespace ergon::app
