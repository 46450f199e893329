target_link_libraries(${LIB} PUBLIC isal /usr/lib/x86_64-linux-gnu/libzstd.a /usr/lib/x86_64-linux-gnu/liblzma.a
  /usr/lib/x86_64-linux-gnu/libbz2.a)
