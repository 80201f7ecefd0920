#include <cuda_runtime_api.h>

#include "block_grid.hpp"
#include "gradient_terms.hpp"
#include "particle_pass.hpp"

namespace ergon::stein::cuda {
namespace {

// The threads of a block as the processor runs them.
struct DeviceThreads {
  template <class T>
  struct Own {
    T value;
    __device__ __forceinline__ T& operator[](int) { return value; }
  };
  template <class Body>
  __device__ __forceinline__ void each(Body body) {
    body(static_cast<int>(threadIdx.x));
    __syncthreads();
  }
};

template <class Terms, int kWidth>
__global__ void __launch_bounds__(kThreads, 2)
    particle_kernel(const typename Terms::Arrays arrays, std::int64_t items) {
  __shared__ BlockShared<Terms, kWidth> shared;
  DeviceThreads threads;
  run_block<Terms, kWidth>(arrays, items, blockIdx.x, shared, threads);
}

template <class Terms, int kWidth>
const char* launch_width(const typename Terms::Arrays& arrays, std::int64_t items, Stream stream) {
  constexpr std::int64_t kMostBlocks = 2147483647;
  const std::int64_t blocks = block_count(arrays.particles, items);
  if (arrays.particles.dim > kMostDimensions) return "more dimensions than a block can address";
  if (blocks > kMostBlocks) return "more tiles of particles than one launch can hold";
  particle_kernel<Terms, kWidth>
      <<<static_cast<unsigned>(blocks), kThreads, 0, stream>>>(arrays, items);
  const cudaError_t error = cudaGetLastError();
  return error == cudaSuccess ? nullptr : cudaGetErrorString(error);
}

template <class Terms>
const char* launch(const typename Terms::Arrays& arrays, std::int64_t items, Stream stream) {
  switch (block_width(arrays.particles.dim)) {
    case 8:
      return launch_width<Terms, 8>(arrays, items, stream);
    case 32:
      return launch_width<Terms, 32>(arrays, items, stream);
    default:
      return launch_width<Terms, 64>(arrays, items, stream);
  }
}

}  // namespace

template <class Real>
const char* launch_velocity(const VelocityArrays<Real>& arrays, Stream stream) {
  return launch<VelocityTerms<Real>>(arrays, arrays.particles.sets, stream);
}

template <class Real>
const char* launch_products(const ProductArrays<Real>& arrays, Stream stream) {
  const std::int64_t items = arrays.probes * arrays.particles.sets;
  return launch<ProductTerms<Real, false>>(arrays, items, stream);
}

template <class Real>
const char* launch_transposed_products(const ProductArrays<Real>& arrays, Stream stream) {
  const std::int64_t items = arrays.probes * arrays.particles.sets;
  return launch<ProductTerms<Real, true>>(arrays, items, stream);
}

template <class Real>
const char* launch_gradients(const GradientArrays<Real>& arrays, Stream stream) {
  return launch<GradientTerms<Real>>(arrays, arrays.particles.sets, stream);
}

template const char* launch_velocity(const VelocityArrays<float>&, Stream);
template const char* launch_velocity(const VelocityArrays<double>&, Stream);
template const char* launch_products(const ProductArrays<float>&, Stream);
template const char* launch_products(const ProductArrays<double>&, Stream);
template const char* launch_transposed_products(const ProductArrays<float>&, Stream);
template const char* launch_transposed_products(const ProductArrays<double>&, Stream);
template const char* launch_gradients(const GradientArrays<float>&, Stream);
template const char* launch_gradients(const GradientArrays<double>&, Stream);

}  // namespace ergon::stein::cuda
