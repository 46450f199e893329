// Starting programs from a threaded process: nothing is inherited that is not named.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "platform/base/stop_token.h"
#include "platform/sys/fd.h"

namespace sys {

struct SpawnPlan {
  // Executed by descriptor (execveat, AT_EMPTY_PATH) when `program` is valid, else by `path`
  // without a PATH search.
  int program = -1;
  std::string path;
  std::vector<std::string> argv;
  std::vector<std::string> env;
  // {descriptor here, number in the child}; stdin, stdout and stderr not named become /dev/null.
  // All others close.
  std::vector<std::pair<int, int>> fds;
  int workingDirectory = -1;  // fchdir before exec
  bool newSession = true;
  // Cgroups that the child is in before it executes: a v2 directory, into which it is cloned (a
  // move would cost a grace period of RCU), and files of v1, open for writing, to which it writes
  // "0". -1 and empty: the caller's.
  int cgroup = -1;
  std::vector<int> cgroupFiles;
};

struct Child {
  pid_t pid = -1;
  Fd pidfd;
};

// vfork-like: signals reset, empty mask, then execve. Error kInternal with the child's step and
// errno when it could not exec.
Child spawn(const SpawnPlan& plan);

struct ExitStatus {
  int code = 0;    // exit code, or 128 + signal
  int signal = 0;  // nonzero: killed by it
};
// Blocks until the child ended or `stop` fired (then Error kCancelled, the child lives on).
ExitStatus waitFor(Child& child, const base::StopToken& stop = {});

struct Output {
  ExitStatus status;
  std::string out;  // at most 1 MiB each
  std::string err;
};
// Runs a host tool to its end with `input` on stdin.
Output run(const std::vector<std::string>& argv, const std::string& input = {},
           const base::StopToken& stop = {});

}  // namespace sys
