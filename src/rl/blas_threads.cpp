#include "ergon/rl/blas_threads.hpp"

#include <cblas.h>
#include <dlfcn.h>

namespace ergon {

void use_one_blas_thread() {
  // Searched in the library that holds our products and in what it depends on: the process may hold
  // a second BLAS.
  Dl_info place{};
  if (dladdr(reinterpret_cast<const void*>(&cblas_sgemm), &place) == 0) return;
  void* library = dlopen(place.dli_fname, RTLD_LAZY | RTLD_NOLOAD);
  void* found = library == nullptr ? nullptr : dlsym(library, "openblas_set_num_threads");
  if (library != nullptr) dlclose(library);
  if (found == nullptr) return;
  reinterpret_cast<void (*)(int)>(found)(1);
}

}  // namespace ergon
