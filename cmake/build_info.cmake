# What `version` tells of the source: the commit and its time (not the time of the build, which would make two builds of one
# source differ). Given to one file. A new commit is noticed when CMake runs next.
execute_process(COMMAND git -C ${PROJECT_SOURCE_DIR} log -1 --format=%h OUTPUT_VARIABLE SAMPAN_BUILD
                OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
execute_process(COMMAND ${CMAKE_COMMAND} -E env TZ=UTC git -C ${PROJECT_SOURCE_DIR} log -1 --format=%cd
                        "--date=format-local:%Y-%m-%dT%H:%M:%S.000000000+00:00"
                OUTPUT_VARIABLE SAMPAN_BUILD_TIME OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
if(SAMPAN_BUILD)
  set_property(SOURCE src/platform/base/build_info.cc TARGET_DIRECTORY platform_base APPEND PROPERTY
    COMPILE_DEFINITIONS SAMPAN_BUILD="${SAMPAN_BUILD}" "SAMPAN_BUILD_TIME=\"${SAMPAN_BUILD_TIME}\"")
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/.git/HEAD)
endif()
