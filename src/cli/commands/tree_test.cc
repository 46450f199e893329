// Promises of the command tables, kept for every command at once.
#include <gtest/gtest.h>

#include <set>
#include <string>

#include "cli/commands/command.h"

namespace commands {
namespace {

template <class Visit>
void walk(std::span<const Node> nodes, const std::string& path, Visit visit) {
  for (const Node& node : nodes) {
    const std::string here = path + " " + node.name;
    if (node.command) visit(here, *node.command);
    walk(node.children, here, visit);
  }
}

TEST(CommandTree, EveryCommandRunsAndHasWords) {
  int count = 0;
  walk(rootNodes(), "", [&](const std::string& path, const Command& command) {
    ++count;
    EXPECT_NE(command.run, nullptr) << path;
    EXPECT_NE(command.brief, nullptr) << path;
    EXPECT_NE(command.usage, nullptr) << path;
  });
  EXPECT_GT(count, 60);
}

TEST(CommandTree, NoFlagOrLetterTwice) {
  walk(rootNodes(), "", [&](const std::string& path, const Command& command) {
    std::set<std::string> names;
    std::set<char> letters;
    const auto check = [&](FlagTable table) {
      for (const Flag& flag : table) {
        EXPECT_TRUE(names.insert(flag.name).second) << path << " --" << flag.name;
        if (flag.shorthand)
          EXPECT_TRUE(letters.insert(flag.shorthand).second) << path << " -" << flag.shorthand;
      }
    };
    check(command.flags);
    if (command.moreFlags) check(*command.moreFlags);
  });
}

TEST(CommandTree, DefaultsAreValid) {
  walk(rootNodes(), "", [&](const std::string& path, const Command& command) {
    Flags flags({command.flags, command.moreFlags ? *command.moreFlags : FlagTable()});
    for (const Flag* flag : flags.sorted()) {
      if (flag->kind == Kind::kBool)
        EXPECT_NO_THROW(flags.on(flag->name)) << path << " --" << flag->name;
      if (flag->kind == Kind::kInt || flag->kind == Kind::kBytes || flag->kind == Kind::kDuration)
        EXPECT_NO_THROW(flags.number(flag->name)) << path << " --" << flag->name;
    }
  });
}

}  // namespace
}  // namespace commands
