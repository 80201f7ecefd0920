# Environments on MuJoCo's C library and the agents that act in them. Defines ergon_env, ergon_rl and ergon_rl_torch where MuJoCo is
# found.
find_package(mujoco QUIET)
if(NOT mujoco_FOUND)
  if(NOT ERGON_RL STREQUAL "AUTO")
    message(FATAL_ERROR "MuJoCo was not found (Debian: libmujoco-dev); -DERGON_RL=OFF builds without reinforcement learning")
  endif()
  message(STATUS "no reinforcement learning: MuJoCo was not found")
  return()
endif()
message(STATUS "MuJoCo ${mujoco_VERSION}")

# The models' texts go into the library, so that nothing has to be found at run time.
file(GLOB model_files CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/assets/mujoco/*.xml)
set(models_source ${PROJECT_BINARY_DIR}/generated/model_texts.cpp)
add_custom_command(OUTPUT ${models_source}
  COMMAND ${CMAKE_COMMAND} "-DFILES=${model_files}" -DOUT=${models_source} -P ${PROJECT_SOURCE_DIR}/cmake/embed_texts.cmake
  DEPENDS ${model_files} ${PROJECT_SOURCE_DIR}/cmake/embed_texts.cmake VERBATIM)

file(GLOB env_sources CONFIGURE_DEPENDS src/env/*.cpp)
list(FILTER env_sources EXCLUDE REGEX "options\\.cpp$")
add_library(ergon_env STATIC ${env_sources} ${models_source})
target_include_directories(ergon_env PRIVATE ${PROJECT_SOURCE_DIR}/src)
target_compile_options(ergon_env PRIVATE -ffp-contract=off)  # as ergon_base
target_link_libraries(ergon_env PUBLIC ergon_base PRIVATE mujoco::mujoco)

file(GLOB rl_sources CONFIGURE_DEPENDS src/rl/*.cpp)
list(FILTER rl_sources EXCLUDE REGEX "options\\.cpp$")
add_library(ergon_rl STATIC ${rl_sources})
target_link_libraries(ergon_rl PUBLIC ergon_env PRIVATE Threads::Threads)

file(GLOB rl_torch_sources CONFIGURE_DEPENDS src/rl/autograd/*.cpp)
if(rl_torch_sources)
  add_library(ergon_rl_torch STATIC ${rl_torch_sources})
  target_link_libraries(ergon_rl_torch PUBLIC ergon ergon_rl)
  if(ERGON_PCH)
    target_precompile_headers(ergon_rl_torch REUSE_FROM ergon)
  endif()
endif()
