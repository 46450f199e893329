# The tests drive the program in build/<preset>/bin.
if(SAMPAN_TESTS)
  cmake_language(DEFER CALL add_dependencies runtime_ociruntime_test sampan-runtime)
endif()
