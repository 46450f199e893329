# The floor: small static programs (shim, init) on musl, without exceptions, RTTI or libstdc++.a, so that an idle one
# costs some twenty kilobytes. Only header-only parts of the standard library are used (span, array, string_view).
# The same sources also become ordinary libraries (sampan_library), which the unit tests and sanitizers use.

set(SAMPAN_MUSL_DIR /usr/lib/x86_64-linux-musl)
execute_process(COMMAND ${CMAKE_CXX_COMPILER} -print-resource-dir OUTPUT_VARIABLE SAMPAN_RESOURCE_DIR OUTPUT_STRIP_TRAILING_WHITESPACE)

set(SAMPAN_FLOOR_COMPILE
  -Oz -g0 -fno-exceptions -fno-rtti -fno-sanitize=all -fno-stack-protector -fno-asynchronous-unwind-tables
  -ffunction-sections -fdata-sections -fno-pie -DNDEBUG
  -nostdinc -nostdinc++ "SHELL:-isystem /usr/include/c++/12" "SHELL:-isystem /usr/include/x86_64-linux-gnu/c++/12"
  "SHELL:-isystem /usr/include/x86_64-linux-musl" "SHELL:-isystem ${SAMPAN_RESOURCE_DIR}/include"
  "SHELL:-idirafter /usr/include" "SHELL:-idirafter /usr/include/x86_64-linux-gnu" "SHELL:-D__GLIBC_PREREQ(a,b)=0"
  -fno-threadsafe-statics -DSAMPAN_FLOOR=1)

# All sources of the closure of `deps` are compiled into the one program.
function(sampan_floor_closure deps out)
  set(all)
  foreach(dep IN LISTS deps)
    string(REPLACE "/" "_" key ${dep})
    sampan_floor_closure("${dag_${key}}" below)
    list(APPEND all ${dep} ${below})
  endforeach()
  list(REMOVE_DUPLICATES all)
  set(${out} "${all}" PARENT_SCOPE)
endfunction()

# Every byte of a container's output passes through here: speed before size.
set_source_files_properties(${PROJECT_SOURCE_DIR}/src/runtime/logfile/record.cc PROPERTIES COMPILE_OPTIONS -O2)

function(sampan_floor_program name deps)
  get_filename_component(PROGRAM ${name} NAME)
  file(GLOB sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/src/${name}/*.cc)
  if(NOT sources)
    return()
  endif()
  sampan_floor_closure("${deps}" libraries)
  foreach(library IN LISTS libraries)
    file(GLOB more CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/src/${library}/*.cc)
    list(FILTER more EXCLUDE REGEX "_(test|fuzz)\\.cc$")
    list(APPEND sources ${more})
  endforeach()
  add_executable(${PROGRAM} ${sources})
  target_include_directories(${PROGRAM} PRIVATE ${PROJECT_SOURCE_DIR}/src)
  target_compile_features(${PROGRAM} PRIVATE cxx_std_20)
  target_compile_options(${PROGRAM} PRIVATE ${SAMPAN_FLOOR_COMPILE} -Wall -Wextra)
  if(SAMPAN_FAULTS)
    target_compile_definitions(${PROGRAM} PRIVATE SAMPAN_FAULTS=1)
  endif()
  target_link_options(${PROGRAM} PRIVATE -nostdlib -static -fuse-ld=lld -fno-sanitize=all -Wl,--gc-sections -Wl,-s
    ${SAMPAN_MUSL_DIR}/crt1.o ${SAMPAN_MUSL_DIR}/crti.o)
  target_link_libraries(${PROGRAM} PRIVATE ${SAMPAN_MUSL_DIR}/libc.a ${SAMPAN_MUSL_DIR}/crtn.o)
endfunction()
