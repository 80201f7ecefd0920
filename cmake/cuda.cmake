# The Stein operators for CUDA devices, as a part of ergon. Included with ERGON_CUDA=ON; needs nvcc and a libtorch with CUDA.
if(NOT TARGET torch_cuda)
  message(FATAL_ERROR "ERGON_CUDA=ON needs a libtorch with CUDA, and the one in ${Torch_DIR} has none; "
    "point -DTorch_DIR or -DCMAKE_PREFIX_PATH to one (docs/guide/cuda.md)")
endif()
enable_language(CUDA)
# libtorch's configuration adds every architecture it knows, also such as this nvcc does not.
set(CMAKE_CUDA_FLAGS "$CACHE{CMAKE_CUDA_FLAGS}")

# Without tensors: libtorch's flags, and those of the C++ compiler, are of no use to nvcc.
add_library(ergon_cuda OBJECT src/stein/cuda/particle_pass.cu)
set_target_properties(ergon_cuda PROPERTIES
  COMPILE_OPTIONS "-Xcompiler=-Wall,-Wextra"
  CUDA_ARCHITECTURES "${ERGON_CUDA_ARCHITECTURES}"
  CUDA_STANDARD 17
  CUDA_STANDARD_REQUIRED ON
  POSITION_INDEPENDENT_CODE ON)
if(ERGON_WERROR)
  target_compile_options(ergon_cuda PRIVATE -Werror=all-warnings -Xcompiler=-Werror)
endif()

target_sources(ergon PRIVATE $<TARGET_OBJECTS:ergon_cuda> src/stein/cuda/particle_tensors.cpp)
target_compile_definitions(ergon PUBLIC ERGON_CUDA)
