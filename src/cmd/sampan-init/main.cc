// sampan-init: PID 1 of containers started with --init.
#include "runtime/init/init.h"

int main(int argc, char** argv, char** envp) {
  return init::run(argc, argv, envp);
}
