# What `cmake --install` puts where: the program, its engine, and the library for find_package(ergon).
include(CMakePackageConfigHelpers)
include(GNUInstallDirs)

set(ergon_package_folder ${CMAKE_INSTALL_LIBDIR}/cmake/ergon)

# The program looks for its engines in ../lib/ergon beside its own folder, whatever the prefix.
if(TARGET ergon_cli)
  install(TARGETS ergon_cli RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endif()
if(TARGET ergon_engine)
  set_target_properties(ergon_engine PROPERTIES INSTALL_RPATH_USE_LINK_PATH ON)
  install(TARGETS ergon_engine LIBRARY DESTINATION lib/ergon)
endif()

if(TARGET ergon_rl_engine)
  set_target_properties(ergon_rl_engine PROPERTIES INSTALL_RPATH_USE_LINK_PATH ON)
  install(TARGETS ergon_rl_engine LIBRARY DESTINATION lib/ergon)
endif()

set_target_properties(ergon_base PROPERTIES EXPORT_NAME base)
install(TARGETS ergon ergon_base EXPORT ergon_targets ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(DIRECTORY ${PROJECT_SOURCE_DIR}/include/ergon DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN "*.hpp")
install(EXPORT ergon_targets NAMESPACE ergon:: FILE ergon-targets.cmake DESTINATION ${ergon_package_folder})

# In a file of its own, so that who does not ask for it needs no MPI.
if(TARGET ergon_mpi)
  set_target_properties(ergon_mpi PROPERTIES EXPORT_NAME mpi)
  install(TARGETS ergon_mpi EXPORT ergon_mpi_targets ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
  install(EXPORT ergon_mpi_targets NAMESPACE ergon:: FILE ergon-mpi-targets.cmake DESTINATION ${ergon_package_folder})
endif()

# Likewise: who does not ask for it needs no MuJoCo.
if(TARGET ergon_rl)
  set_target_properties(ergon_env PROPERTIES EXPORT_NAME env)
  set_target_properties(ergon_rl PROPERTIES EXPORT_NAME rl)
  set(ergon_rl_libraries ergon_env ergon_rl)
  if(TARGET ergon_rl_torch)
    set_target_properties(ergon_rl_torch PROPERTIES EXPORT_NAME rl_torch)
    list(APPEND ergon_rl_libraries ergon_rl_torch)
  endif()
  install(TARGETS ${ergon_rl_libraries} EXPORT ergon_rl_targets ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
  install(EXPORT ergon_rl_targets NAMESPACE ergon:: FILE ergon-rl-targets.cmake DESTINATION ${ergon_package_folder})
endif()

configure_package_config_file(
  ${PROJECT_SOURCE_DIR}/cmake/ergon-config.cmake.in ${PROJECT_BINARY_DIR}/ergon-config.cmake
  INSTALL_DESTINATION ${ergon_package_folder} NO_SET_AND_CHECK_MACRO)
write_basic_package_version_file(
  ${PROJECT_BINARY_DIR}/ergon-config-version.cmake VERSION ${PROJECT_VERSION} COMPATIBILITY SameMinorVersion)
install(
  FILES ${PROJECT_BINARY_DIR}/ergon-config.cmake ${PROJECT_BINARY_DIR}/ergon-config-version.cmake
  DESTINATION ${ergon_package_folder})
install(FILES ${PROJECT_SOURCE_DIR}/LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})
