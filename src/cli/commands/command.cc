#include "cli/commands/command.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "cli/commands/cli.h"
#include "platform/base/build_info.h"
#include "platform/base/strings.h"

namespace commands {
namespace {

size_t helpWidth() {
  winsize size{};
  const size_t width = ::ioctl(0, TIOCGWINSZ, &size) == 0 ? size.ws_col : 80;
  return width > 0 ? width - 1 : 0;
}

const Node* findNode(std::span<const Node> nodes, std::string_view name) {
  for (const Node& node : nodes) {
    if (name == node.name || (node.otherName && name == node.otherName) ||
        (node.otherName2 && name == node.otherName2))
      return &node;
  }
  return nullptr;
}

const char* briefOf(const Node& node) {
  return node.command ? node.command->brief : node.brief;
}

void replaceAll(std::string& text, std::string_view from, std::string_view to) {
  for (size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size()))
    text.replace(at, from.size(), to);
}

std::string usageLine(const std::string& path, const char* usage) {
  std::string text = usage;
  replaceAll(text, "\n@", fmt::format("\n{}", path));  // a second form of the same command
  return *usage ? fmt::format("{} {}", path, text) : path;
}

// Wrong usage of a known command.
[[noreturn]] void failUsage(int status, const std::string& what, const std::string& path,
                            const char* usage) {
  throw Exit(status, fmt::format("{}\n\nUsage:  {}\n\nRun '{} --help' for more information", what,
                                 usageLine(path, usage), path));
}

void appendSection(std::string& out, const char* section, std::span<const Node> nodes) {
  bool titled = false;
  for (const Node& node : nodes) {
    if (!node.section || std::string_view(node.section) != section) continue;
    if (!titled) out += fmt::format("\n{}:\n", section);
    titled = true;
    out += fmt::format("  {:<11} {}\n", node.name, briefOf(node));
  }
}

std::string rootHelp(const Cli& cli) {
  std::string out = fmt::format(
      "Usage:  {} [OPTIONS] COMMAND\n\nA self-sufficient runtime for containers\n", cli.program());
  for (const char* section :
       {"Common Commands", "Management Commands", "Swarm Commands", "Commands"}) {
    appendSection(out, section, rootNodes());
  }
  const Flags flags({globalFlags()});
  std::vector<std::string> texts;
  out += fmt::format("\nGlobal Options:\n{}", flagUsages(flags.sorted(), helpWidth()));
  out +=
      fmt::format("\nRun '{} COMMAND --help' for more information on a command.\n", cli.program());
  if (cli.program() == "docker")
    out += "\nFor more help on how to use Docker, head to https://docs.docker.com/go/guides/\n";
  return out;
}

std::string groupHelp(const std::string& path, const Node& node) {
  std::string out = fmt::format("Usage:  {} COMMAND\n\n{}\n", path, node.brief);
  appendSection(out, "Commands", node.children);
  return out + fmt::format("\nRun '{} COMMAND --help' for more information on a command.\n", path);
}

std::string commandHelp(const Cli& cli, const std::string& path, const Command& command) {
  std::string out = fmt::format("Usage:  {}\n\n{}\n", usageLine(path, command.usage),
                                command.text ? command.text : command.brief);
  if (command.aliases) {
    std::string aliases = command.aliases;
    replaceAll(aliases, "@", cli.program());
    out += fmt::format("\nAliases:\n  {}\n", aliases);
  }
  const Flags flags({command.flags, command.moreFlags ? *command.moreFlags : FlagTable()});
  const std::string usages = flagUsages(flags.sorted(), helpWidth());
  if (!usages.empty()) out += fmt::format("\nOptions:\n{}", usages);
  return out;
}

void checkArity(const Command& command, const std::string& path, size_t count) {
  const int min = command.arity.min, max = command.arity.max;
  const int given = static_cast<int>(count);
  if (given >= min && (max < 0 || given <= max)) return;
  const auto plural = [](int n) { return n == 1 ? "argument" : "arguments"; };
  std::string what;
  if (max == 0) {
    what = "accepts no arguments";
  } else if (min == max) {
    what = fmt::format("requires {} {}", min, plural(min));
  } else if (max < 0) {
    what = fmt::format("requires at least {} {}", min, plural(min));
  } else if (min == 0) {
    what = fmt::format("requires at most {} {}", max, plural(max));
  } else {
    what = fmt::format("requires at least {} and at most {} {}", min, max, plural(max));
  }
  const std::string_view program = std::string_view(path).substr(0, path.find(' '));
  const char* verb = max < 0 ? "See" : "Run";
  throw Exit(1, fmt::format("{}: '{}' {}\n\nUsage:  {}\n\n{} '{} --help' for more information",
                            program, path, what, usageLine(path, command.usage), verb, path));
}

// Help that was asked for is output; help in place of a command that is missing is not.
void printHelp(Cli& cli, const std::string& help, const Flags* flags = nullptr, bool top = false) {
  constexpr std::string_view kOldLetter = "Flag shorthand -h has been deprecated, use --help\n";
  if (flags && flags->helpByShorthand()) top ? cli.writeError(kOldLetter) : cli.print(kOldLetter);
  if (flags && !flags->helpAsked()) return cli.writeError(help);
  cli.print(help);
}

int runCommand(Cli& cli, const std::string& path, const Command& command,
               std::span<const std::string> args) {
  Flags flags({command.flags, command.moreFlags ? *command.moreFlags : FlagTable()});
  std::vector<std::string> rest;
  try {
    rest = flags.parse(args, command.interspersed);
  } catch (const base::Error& error) {
    failUsage(125, error.message(), path, command.usage);
  }
  if (flags.helpAsked()) {
    printHelp(cli, commandHelp(cli, path, command), &flags);
    return 0;
  }
  checkArity(command, path, rest.size());
  for (const auto& [old, current] : {std::pair{"time", "timeout"}}) {
    bool known = false;
    for (const Flag* flag : flags.sorted()) known = known || std::string_view(flag->name) == old;
    if (known && flags.changed(old))
      cli.warn(fmt::format("Flag --{} has been deprecated, use --{} instead", old, current));
  }
  Invocation invocation{cli, path, flags, std::move(rest)};
  return command.run(invocation);
}

int runNode(Cli& cli, std::string path, const Node* node, std::span<const std::string> args) {
  path += fmt::format(" {}", args[0]);
  args = args.subspan(1);
  if (node->command) return runCommand(cli, path, *node->command, args);
  Flags none(std::initializer_list<FlagTable>{});
  std::vector<std::string> rest;
  try {
    rest = none.parse(args, false);
  } catch (const base::Error& error) {
    failUsage(125, error.message(), path, "COMMAND");
  }
  if (none.helpAsked() || rest.empty()) {
    printHelp(cli, groupHelp(path, *node), &none);
    return 0;
  }
  const Node* child = findNode(node->children, rest[0]);
  if (!child) {
    const char* form = node->usage ? node->usage : "";
    const std::string_view program = std::string_view(path).substr(0, path.find(' '));
    throw Exit(
        1, fmt::format(
               "{}: unknown command: {} {}\n\nUsage:  {}\n\nRun '{} --help' for more information",
               program, path, rest[0], usageLine(path, form), path));
  }
  return runNode(cli, path, child, rest);
}

int helpOn(Cli& cli, std::span<const std::string> topics) {
  std::string path(cli.program());
  std::span<const Node> nodes = rootNodes();
  const Node* node = nullptr;
  for (const std::string& topic : topics) {
    node = findNode(nodes, topic);
    if (!node)
      throw Exit(1, fmt::format("unknown help topic: {}",
                                base::join({topics.begin(), topics.end()}, " ")));
    path += fmt::format(" {}", topic);
    nodes = node->children;
  }
  if (!node) {
    printHelp(cli, rootHelp(cli));
  } else if (node->command) {
    printHelp(cli, commandHelp(cli, path, *node->command));
  } else {
    printHelp(cli, groupHelp(path, *node));
  }
  return 0;
}

int dispatch(Cli& cli, std::span<const std::string> args) {
  const std::string program(cli.program());
  Flags flags({globalFlags()});
  std::vector<std::string> rest;
  try {
    rest = flags.parse(args, false);
  } catch (const base::Error& error) {
    cli.configure(flags);
    failUsage(125, error.message(), program, "[OPTIONS] COMMAND [ARG...]");
  }
  cli.configure(flags);
  if (flags.on("version")) {
    cli.print(fmt::format("{} version {}, build {}\n", program == "docker" ? "Docker" : "Sampan",
                          SAMPAN_VERSION, base::buildCommit()));
    return 0;
  }
  if (flags.helpAsked() || rest.empty()) {
    printHelp(cli, rootHelp(cli), &flags, true);
    return 0;
  }
  if (rest[0] == "help") return helpOn(cli, std::span<const std::string>(rest).subspan(1));
  const Node* node = findNode(rootNodes(), rest[0]);
  if (!node)
    throw Exit(1, fmt::format("{}: unknown command: {} {}\n\nRun '{} --help' for more information",
                              program, program, rest[0], program));
  return runNode(cli, program, node, rest);
}

}  // namespace

int runCommandLine(std::string_view program, std::span<const std::string> args) {
  Cli cli(program);
  int status = 0;
  try {
    status = dispatch(cli, args);
    cli.flush();
    return status;
  } catch (const Exit& exit) {
    status = exit.status();
    cli.flushQuietly();
    if (!exit.message().empty()) cli.warn(exit.message());
  } catch (const std::exception& error) {
    status = 1;
    cli.flushQuietly();
    cli.warn(error.what());
  }
  return status;
}

}  // namespace commands
