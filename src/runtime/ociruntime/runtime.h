// The operations of an OCI runtime. One thread; an Error's text is what the user sees.
#pragma once

#include <string>

#include "platform/sys/host.h"
#include "runtime/cgroup/cgroup.h"
#include "runtime/ociruntime/options.h"
#include "runtime/ociruntime/state.h"

namespace ociruntime {

class Runtime {
 public:
  explicit Runtime(const Options& options);

  void create();
  void start();
  // The exit code of the container's program, or 0 with --detach.
  int run();
  std::string state();  // JSON, as runc prints it
  void kill();
  void remove();

 private:
  struct Made {
    sys::Fd dir;
    Record record;
    sys::Fd pidfd;
    sys::Fd terminal;
  };

  const std::string& id() const;
  // Everything up to the program's execve (or, held, up to just before). On an Error nothing stays.
  Made make(bool held);
  void launchAt(Made& made, const oci::Spec& spec, bool held);
  void passOn(Made& made);
  oci::State ociState(const Record& record, Status status) const;
  Status status(const Record& record, int dir);
  void destroy(const Record& record);

  const Options& options_;
  const sys::HostFacts host_;
  const std::unique_ptr<cgroup::Driver> cgroups_;
  StateDir states_;
};

// main(), apart from exit: parses, runs, reports errors on stderr and the log.
int program(int argc, char** argv, char** env);

}  // namespace ociruntime
