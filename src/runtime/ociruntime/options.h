// The command line of an OCI runtime, with runc's words: global flags, a command, its flags, its
// arguments.
#pragma once

#include <string>
#include <vector>

namespace ociruntime {

struct Options {
  // Global.
  std::string root = "/run/sampan-runtime";
  std::string log;       // file for errors; empty: stderr only
  bool logJson = false;  // --log-format json
  bool debug = false;
  bool help = false, version = false;

  std::string command;  // "create", …
  std::string bundle = ".";
  std::string consoleSocket;
  std::string pidfdSocket;
  std::string pidFile;
  bool noPivot = false;
  bool noNewKeyring = false;
  int preserveFds = 0;
  bool detach = false;
  bool keep = false;
  bool force = false;  // delete
  bool all = false;    // kill
  std::vector<std::string> arguments;
};

// Error kInvalidArgument in runc's words for unknown flags and commands, kNotImplemented for what
// runc has and this program does not have yet.
Options parseOptions(const std::vector<std::string>& args);

std::string helpText();

}  // namespace ociruntime
