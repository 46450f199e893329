# Static: the runtime is copied into memory at every start, and runs where the host's libraries may not be visible.
add_library(sampan_static_fmt STATIC ${dir}/fmt/fmt.cc)
set_target_properties(sampan_static_fmt PROPERTIES OUTPUT_NAME fmt
  ARCHIVE_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/static)
add_dependencies(${PROGRAM} sampan_static_fmt)
if(NOT SAMPAN_SANITIZE)
  target_link_directories(${PROGRAM} BEFORE PRIVATE ${PROJECT_BINARY_DIR}/static)
  target_link_options(${PROGRAM} PRIVATE -static "$<$<CONFIG:Release>:-Wl,-s>")
endif()
