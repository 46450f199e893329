# Static: the daemon shares no library with anything else, and an idle one stays small.
target_link_libraries(${LIB} PUBLIC /usr/lib/x86_64-linux-gnu/libsqlite3.a m)
