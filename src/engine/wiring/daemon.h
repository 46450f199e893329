// The composition root: constructs the parts in their order, connects them, starts and stops them.
// Decides nothing.
#pragma once

#include <memory>
#include <string>

#include "engine/wiring/config.h"

namespace wiring {

class Daemon {
 public:
  // Everything that can fail at start fails here, with the step's name. `programs`: the directory
  // of sampan-shim and sampan-init.
  Daemon(Config config, const std::string& programs);
  ~Daemon();

  // Serves until SIGTERM or SIGINT; SIGHUP reloads (all blocked by the caller before any thread
  // was started). Containers go on.
  void run();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace wiring
