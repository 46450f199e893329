// sampan-shim: stands above one container, started by sampand only.
#include "runtime/shimserver/server.h"

namespace {
shimserver::Server g_server;  // zeroed pages that cost nothing until touched
}

int main() {
  return g_server.run();
}
