// The step with a fixed support, compiled by src/stein/pair_sums.cpp through machines.hpp.
#include "arithmetic.hpp"
// needs arithmetic
#include "matrix.hpp"
// needs matrix
#include "pass.hpp"
// needs pass
#include "backward.hpp"
