// The body of src/stein/small_sets.cpp, once for each instruction set: see machines.hpp.
#include "arithmetic.hpp"
// needs arithmetic
#include "matrix.hpp"
#include "small_sets_transpose.hpp"
// needs small_sets_transpose
#include "small_sets_tile.hpp"
// needs small_sets_tile
#include "small_sets_pairs.hpp"
// needs small_sets_pairs
#include "small_sets_backward.hpp"
// needs matrix and small_sets_pairs
#include "small_sets_norm.hpp"
// needs small_sets_norm
#include "small_sets_forward.hpp"

namespace ergon::stein::ERGON_LANES_NAMESPACE {
namespace {

template <class Real>
const SmallSets<Real>& small_sets_table() {
  static const SmallSets<Real> table{Lanes<Real>::kCount, small_sets_forward<Real>,
                                     small_sets_backward<Real>};
  return table;
}

}  // namespace
}  // namespace ergon::stein::ERGON_LANES_NAMESPACE
