// Networks' passes, compiled by src/rl/passes.cpp through src/stein/lanes/machines.hpp.
#include "../../stein/lanes/arithmetic.hpp"
// needs arithmetic
#include "../../stein/lanes/small_sets_transpose.hpp"
// needs those
#include "elementwise.hpp"
// needs elementwise
#include "sweeps.hpp"
// needs elementwise
#include "packing.hpp"
// needs packing
#include "product.hpp"
// needs product
#include "narrow_product.hpp"
// needs elementwise
#include "single.hpp"
// needs all of them
#include "table.hpp"
