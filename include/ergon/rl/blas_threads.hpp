#pragma once

namespace ergon {

/// Sets the matrix products of this process to one thread, where their library is OpenBLAS: the
/// products of an update are too small to be shared. To be called by a program before its first
/// update; the library itself never changes this.
void use_one_blas_thread();

}  // namespace ergon
