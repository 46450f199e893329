// sampan-runtime: the OCI runtime with runc's command line. One thread, static.
#include "runtime/ociruntime/runtime.h"

int main(int argc, char** argv, char** envp) {
  return ociruntime::program(argc, argv, envp);
}
