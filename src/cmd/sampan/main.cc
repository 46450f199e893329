// The command line. Started under the name docker it behaves, and names itself, as docker.
#include <string>
#include <string_view>
#include <vector>

#include "cli/commands/command.h"

int main(int argc, char** argv) {
  std::string_view name = argc > 0 ? argv[0] : "sampan";
  name = name.substr(name.rfind('/') == std::string_view::npos ? 0 : name.rfind('/') + 1);
  const std::vector<std::string> args(argv + (argc > 0 ? 1 : 0), argv + argc);
  return commands::runCommandLine(name == "docker" ? "docker" : "sampan", args);
}
