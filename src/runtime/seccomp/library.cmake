# libseccomp is the oracle of the tests, and no part of the product.
if(SAMPAN_TESTS)
  cmake_language(DEFER CALL target_link_libraries runtime_seccomp_test PRIVATE
    /usr/lib/x86_64-linux-gnu/libseccomp.a)
endif()
