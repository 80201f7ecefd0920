#include "ergon/core/runtime.hpp"

#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <c10/util/Exception.h>
#include <dlfcn.h>
#include <malloc.h>
#include <torch/version.h>

#include <tuple>
#include <utility>

#include "ergon/core/workers.hpp"

namespace ergon {
namespace {

/// A symbol as the library that holds `address` sees it: searched in that library and in what it
/// depends on. A search of the whole process would miss it where libtorch was opened privately by
/// dlopen, and could find that of a library that libtorch's matrix products do not use.
void* find_beside(const void* address, const char* symbol) {
  Dl_info place{};
  if (dladdr(address, &place) == 0 || place.dli_fname == nullptr) return nullptr;
  void* library = dlopen(place.dli_fname, RTLD_LAZY | RTLD_NOLOAD);
  if (library == nullptr) return nullptr;
  void* found = dlsym(library, symbol);
  dlclose(library);
  return found;
}

/// "OpenBLAS 0.3.21": the first two words of its description.
std::string openblas_name(const void* matrix_product) {
  auto* config =
      reinterpret_cast<const char* (*)()>(find_beside(matrix_product, "openblas_get_config"));
  const std::string text = config != nullptr ? config() : "OpenBLAS";
  return text.substr(0, text.find(' ', text.find(' ') + 1));
}

/// Name of the BLAS behind libtorch's matrix products, and whether it is a fast one for libtorch.
/// It is an OpenBLAS if an OpenBLAS stands behind sgemm_ itself: LAPACK's may be there as well.
/// openblas_get_parallel: 0 serial, 1 own threads, 2 OpenMP.
std::pair<std::string, bool> find_blas() {
  if (at::hasMKL()) return {"MKL", true};
  const void* in_torch = reinterpret_cast<const void*>(&at::get_num_threads);
  const void* product = find_beside(in_torch, "sgemm_");
  auto* parallel = reinterpret_cast<int (*)()>(
      find_beside(product != nullptr ? product : in_torch, "openblas_get_parallel"));
  if (parallel == nullptr) return {"reference BLAS, not optimised", false};
  switch (parallel()) {
    case 2:
      return {openblas_name(product) + " (OpenMP)", true};
    case 1:
      // Its thread pool and libtorch's OpenMP threads fight for the same cores: up to 16 times
      // slower.
      return {openblas_name(product) + " (own threads, slow beside libtorch's)", false};
    default:
      return {openblas_name(product) + " (serial)", false};
  }
}

// Temporary tensors of 128 KB and more would each be mapped and unmapped anew, and their pages
// faulted in again: half of the time of a step with 8 x 200 particles. Freed memory is kept
// instead: at most 1 GB.
void keep_freed_memory() {
#ifdef __GLIBC__
  mallopt(M_MMAP_THRESHOLD, 32 << 20);  // glibc's largest
  mallopt(M_TRIM_THRESHOLD, 1 << 30);
#endif
}

}  // namespace

Runtime start_runtime(int threads) {
  set_worker_threads(threads);
  at::set_num_threads(threads);
  if (at::get_num_interop_threads() != 1) {
    try {
      at::set_num_interop_threads(1);
    } catch (const c10::Error&) {
      // The pool already runs, because the program used libtorch before: libtorch cannot change it
      // any more.
    }
  }
  flush_denormals();
  keep_freed_memory();
  Runtime runtime;
  runtime.threads = at::get_num_threads();
  runtime.torch_version = TORCH_VERSION;
  std::tie(runtime.blas, runtime.optimised_blas) = find_blas();
  return runtime;
}

}  // namespace ergon
