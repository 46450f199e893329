# Tasks need the programs beside the daemon; the tests start them from build/<preset>/bin.
add_dependencies(${LIB} sampan-shim sampan-init)
