# Shared libraries that nothing of ours calls are not loaded: each costs a part of a millisecond at every start.
target_link_options(sampan PRIVATE -Wl,--as-needed)
