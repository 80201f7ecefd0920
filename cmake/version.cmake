# Writes generated/ergon_version.hpp: the project's version and the git revision of the sources. Included by CMakeLists.txt, it
# adds a target that runs this same file as a script (cmake -P) at every build, so that the revision is never stale;
# the header is touched only when its text changes. Without git, or when the sources are a part of somebody else's repository, the
# revision is "unknown".

function(ergon_write_version source_dir version header)
  set(revision "unknown")
  find_program(ERGON_GIT git)
  if(ERGON_GIT)
    # The prefix is empty exactly at the root of a repository.
    execute_process(COMMAND "${ERGON_GIT}" rev-parse --show-prefix
      WORKING_DIRECTORY "${source_dir}" RESULT_VARIABLE failed OUTPUT_VARIABLE prefix ERROR_QUIET OUTPUT_STRIP_TRAILING_WHITESPACE)
    if(NOT failed AND prefix STREQUAL "")
      execute_process(COMMAND "${ERGON_GIT}" --no-optional-locks describe --always --dirty
        WORKING_DIRECTORY "${source_dir}" RESULT_VARIABLE failed OUTPUT_VARIABLE described ERROR_QUIET OUTPUT_STRIP_TRAILING_WHITESPACE)
      if(NOT failed AND described MATCHES "^[A-Za-z0-9._/+-]+$")
        set(revision "${described}")
      endif()
    endif()
  endif()
  set(text "// Written by cmake/version.cmake.
#pragma once

namespace ergon {
inline constexpr const char* kErgonVersion = \"${version}\";
inline constexpr const char* kErgonRevision = \"${revision}\";
}  // namespace ergon
")
  set(before "")
  if(EXISTS "${header}")
    file(READ "${header}" before)
  endif()
  if(NOT before STREQUAL text)
    file(WRITE "${header}" "${text}")
  endif()
endfunction()

if(CMAKE_SCRIPT_MODE_FILE)
  ergon_write_version("${ERGON_SOURCE}" "${ERGON_VERSION}" "${ERGON_HEADER}")
else()
  set(ergon_version_header "${PROJECT_BINARY_DIR}/generated/ergon_version.hpp")
  ergon_write_version("${PROJECT_SOURCE_DIR}" "${PROJECT_VERSION}" "${ergon_version_header}")
  add_custom_target(ergon_version
    COMMAND "${CMAKE_COMMAND}" "-DERGON_SOURCE=${PROJECT_SOURCE_DIR}" "-DERGON_VERSION=${PROJECT_VERSION}"
      "-DERGON_HEADER=${ergon_version_header}" -P "${CMAKE_CURRENT_LIST_DIR}/version.cmake"
    BYPRODUCTS "${ergon_version_header}" COMMENT "" VERBATIM)
  # The library that uses the header is declared after this file is included.
  cmake_language(DEFER CALL add_dependencies ergon_base ergon_version)
endif()
