// The command tree: constant tables of what can be typed, the reading of a command line against
// them, help pages, and the one place where errors become words on stderr and an exit code.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cli/commands/flags.h"
#include "platform/base/error.h"

namespace commands {

class Cli;
struct Command;

// One command, typed.
struct Invocation {
  Cli& cli;
  std::string path;  // "docker container rm"
  const Flags& flags;
  std::vector<std::string> args;
};

struct Arity {
  int min = 0;
  int max = -1;  // -1: any number
};

struct Command {
  const char* usage;    // what stands behind the path: "[OPTIONS] CONTAINER [CONTAINER...]"
  const char* brief;    // one line, in lists
  const char* text;     // on the help page; null: `brief`
  const char* aliases;  // every path to it, "@" for the program's name: "@ container rm, @ rm";
                        // null: the only one
  FlagTable flags;
  const FlagTable* moreFlags;  // shared with other commands, or null
  Arity arity;
  bool interspersed;        // flags may follow arguments
  int (*run)(Invocation&);  // the exit code; throws base::Error (exit code 1) or Exit
};

struct Node {
  const char* name;
  const char*
      section;  // heading in the parent's help: "Commands", "Management Commands"; null: hidden
  const Command* command = nullptr;
  std::span<const Node> children = {};
  const char* brief = nullptr;  // of a group
  const char* otherName = nullptr;
  const char* otherName2 = nullptr;
  const char* usage = nullptr;  // of a group, behind its path, when a wrong word follows
};

// Ends the program with a code of its own.
class Exit : public base::Error {
 public:
  Exit(int status, std::string message)
      : base::Error(base::Code::kInternal, std::move(message)), status_(status) {}
  int status() const noexcept { return status_; }

 private:
  int status_;
};

// The tree (tree.cc).
std::span<const Node> rootNodes();

// Runs the command line and returns the exit code. `program` is the name shown in texts.
int runCommandLine(std::string_view program, std::span<const std::string> args);

}  // namespace commands
