#include "particle_pass.hpp"

#include <sys/mman.h>

#include "ergon/core/workers.hpp"
#include "lanes/functions.hpp"

#define ERGON_LANES_BODY "particles_all.hpp"
#include "lanes/machines.hpp"

namespace ergon::stein {
namespace {

// Memory of a thread that is kept from call to call, so that a step allocates nothing.
class Scratch {
 public:
  void* take(std::int64_t bytes) {
    if (bytes > size_) {
      memory_.reset();
      size_ = 0;  // should the next line throw
      memory_ = aligned_bytes(bytes);
      advise_huge_pages(memory_.get(), bytes);
      size_ = bytes;
    }
    return memory_.get();
  }

 private:
  // Panels of megabytes, walked through at a stride, would miss the translation buffers.
  static void advise_huge_pages(void* memory, std::int64_t bytes) {
#ifdef MADV_HUGEPAGE
    constexpr std::uintptr_t kHuge = 2 << 20;
    const auto begin = (reinterpret_cast<std::uintptr_t>(memory) + kHuge - 1) / kHuge * kHuge;
    const auto end = (reinterpret_cast<std::uintptr_t>(memory) + bytes) / kHuge * kHuge;
    if (begin < end) madvise(reinterpret_cast<void*>(begin), end - begin, MADV_HUGEPAGE);
#else
    (void)memory, (void)bytes;
#endif
  }

  AlignedBytes memory_;
  std::int64_t size_ = 0;
};

thread_local Scratch column_scratch, tile_scratch;

template <class Real>
Real* column_memory(std::int64_t numbers) {
  return static_cast<Real*>(column_scratch.take(numbers * static_cast<std::int64_t>(sizeof(Real))));
}

std::int64_t tiles(std::int64_t rows, std::int64_t tile_rows) {
  return (rows + tile_rows - 1) / tile_rows;
}

// Of this machine, the widest.
template <class Real>
const PassFunctions<Real>& functions() {
  static const PassFunctions<Real>* const best = [] {
    int bytes = 64;
    while (pass_functions_of<Real>(bytes) == nullptr) bytes /= 2;
    return pass_functions_of<Real>(bytes);
  }();
  return *best;
}

}  // namespace

template <class Real>
const PassFunctions<Real>* pass_functions_of(int vector_bytes) {
  if (!machine_has_vectors(vector_bytes)) return nullptr;
#ifdef ERGON_HAS_WIDE_VECTORS
  if (vector_bytes == 64) return &avx512::kFunctions<Real>;
  if (vector_bytes == 32) return &avx2::kFunctions<Real>;
#endif
  return &baseline::kFunctions<Real>;
}

template <class Real>
void accumulate_by(const PassFunctions<Real>& f,
                   const PassSums<Real>& rows,
                   const PassColumns<Real>& columns,
                   const PassScalars<Real>& scalars) {
  if (rows.count == 0 || columns.count == 0 || scalars.dim == 0) return;
  const bool transposed = rows.transposed != nullptr;
  const auto numbers = f.packed_numbers(columns.count, scalars.dim, transposed);
  const PackedColumns<Real> packed =
      f.pack(columns, scalars, transposed, column_memory<Real>(numbers));
  const std::int64_t bytes = f.tile_bytes(scalars.dim, rows.probes);
  parallel_over(tiles(rows.count, f.tile_rows), [&](std::int64_t tile) {
    f.forward_rows(packed, rows, scalars, tile * f.tile_rows, tile_scratch.take(bytes));
  });
}

template <class Real>
void differentiate_by(const PassFunctions<Real>& f,
                      const PassUpstream<Real>& upstream,
                      const PassScalars<Real>& scalars,
                      const PassGradients<Real>& gradients) {
  if (upstream.count == 0 || scalars.dim == 0) return;
  const auto numbers = f.upstream_numbers(upstream.count, scalars.dim);
  const PackedUpstream<Real> packed =
      f.pack_upstream(upstream, scalars, column_memory<Real>(numbers));
  const std::int64_t bytes = f.gradient_tile_bytes(scalars.dim, upstream.probes);
  parallel_over(tiles(upstream.count, f.tile_rows), [&](std::int64_t tile) {
    f.backward_rows(packed, upstream, scalars, gradients,
                    {tile * f.tile_rows, tile_scratch.take(bytes)});
  });
}

template <class Real>
void accumulate(const PassSums<Real>& rows,
                const PassColumns<Real>& columns,
                const PassScalars<Real>& scalars) {
  accumulate_by(functions<Real>(), rows, columns, scalars);
}

template <class Real>
void differentiate(const PassUpstream<Real>& upstream,
                   const PassScalars<Real>& scalars,
                   const PassGradients<Real>& gradients) {
  differentiate_by(functions<Real>(), upstream, scalars, gradients);
}

template const PassFunctions<float>* pass_functions_of<float>(int);
template void accumulate_by(const PassFunctions<float>&,
                            const PassSums<float>&,
                            const PassColumns<float>&,
                            const PassScalars<float>&);
template void differentiate_by(const PassFunctions<float>&,
                               const PassUpstream<float>&,
                               const PassScalars<float>&,
                               const PassGradients<float>&);
template const PassFunctions<double>* pass_functions_of<double>(int);
template void accumulate_by(const PassFunctions<double>&,
                            const PassSums<double>&,
                            const PassColumns<double>&,
                            const PassScalars<double>&);
template void differentiate_by(const PassFunctions<double>&,
                               const PassUpstream<double>&,
                               const PassScalars<double>&,
                               const PassGradients<double>&);
template void accumulate(const PassSums<float>&,
                         const PassColumns<float>&,
                         const PassScalars<float>&);
template void accumulate(const PassSums<double>&,
                         const PassColumns<double>&,
                         const PassScalars<double>&);
template void differentiate(const PassUpstream<float>&,
                            const PassScalars<float>&,
                            const PassGradients<float>&);
template void differentiate(const PassUpstream<double>&,
                            const PassScalars<double>&,
                            const PassGradients<double>&);

}  // namespace ergon::stein
