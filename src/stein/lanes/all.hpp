// Included once for each instruction set by src/stein/pair_sums.cpp, which defines its name
// (ERGON_LANES_NAMESPACE), its target attribute (ERGON_ISA), the bytes of a vector and the rows of
// a register block. Nothing here may instantiate templates of the standard library: the linker
// would be free to keep the copy that only the newest machine can run.
#include "arithmetic.hpp"
// needs arithmetic
#include "matrix.hpp"
// needs matrix
#include "pass.hpp"
// needs pass
#include "backward.hpp"
#undef ERGON_LANES_NAMESPACE
#undef ERGON_ISA
#undef ERGON_VECTOR_BYTES
#undef ERGON_BLOCK_ROWS
