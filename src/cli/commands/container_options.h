// From the flags of create and run to the body of POST /containers/create.
#pragma once

#include <string>
#include <vector>

#include "cli/commands/cli.h"
#include "cli/commands/flags.h"
#include "platform/json/value.h"

namespace commands {

struct CreateRequest {
  json::Value body;  // Config with HostConfig and NetworkingConfig inside, as the API takes it
  std::string image;
  std::string name, platform;
  std::string cidFile;
  std::string pull;  // always, missing, never
  bool quietPull = false;
  bool tty = false, openStdin = false;
  bool attachStdin = false, attachStdout = false, attachStderr = false;
  bool autoRemove = false;
};

// `args` are image, command and its arguments. Error kInvalidArgument in docker's words.
CreateRequest parseCreateRequest(Cli& cli, const Flags& flags, const std::vector<std::string>& args,
                                 bool detached);

}  // namespace commands
