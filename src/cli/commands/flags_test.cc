#include "cli/commands/flags.h"

#include <gtest/gtest.h>

#include "platform/base/error.h"

namespace commands {
namespace {

constexpr Flag kTable[] = {
    {"detach", 'd', Kind::kBool, "", "Run in background"},
    {"env", 'e', Kind::kList, "list", "Set environment variables"},
    {"interactive", 'i', Kind::kBool, "", "Keep STDIN open"},
    {"last", 'n', Kind::kInt, "int", "Show n last (default -1)", "-1"},
    {"memory", 'm', Kind::kBytes, "bytes", "Memory limit"},
    {"publish", 'p', Kind::kList, "list", "Publish"},
    {"rm", 0, Kind::kBool, "", "Remove"},
    {"sig-proxy", 0, Kind::kBool, "", "Proxy (default true)", "true"},
    {"subnet", 0, Kind::kStrings, "strings", "Subnet"},
    {"tty", 't', Kind::kBool, "", "Allocate"},
    {"weight", 0, Kind::kUint16, "uint16", "Weight"},
    {"wait", 0, Kind::kDuration, "duration", "Wait"},
    {"cpus", 0, Kind::kDecimal, "decimal", "CPUs"},
};

struct Parsed {
  Flags flags{{kTable}};
  std::vector<std::string> rest;
};

Parsed parse(std::vector<std::string> args, bool interspersed = true) {
  Parsed parsed;
  parsed.rest = parsed.flags.parse(args, interspersed);
  return parsed;
}

std::string errorOf(std::vector<std::string> args) {
  try {
    parse(std::move(args));
  } catch (const base::Error& error) {
    return error.message();
  }
  return "no error";
}

using Strings = std::vector<std::string>;

TEST(Flags, BundlesAndAttachedValues) {
  const Parsed p = parse({"-itd", "-p80:80", "-p=1:1", "-e", "A=1", "--env=B=2", "busybox"});
  EXPECT_TRUE(p.flags.on("interactive") && p.flags.on("tty") && p.flags.on("detach"));
  EXPECT_EQ(p.flags.list("publish"), (Strings{"80:80", "1:1"}));
  EXPECT_EQ(p.flags.list("env"), (Strings{"A=1", "B=2"}));
  EXPECT_EQ(p.rest, Strings{"busybox"});
}

TEST(Flags, FirstArgumentEndsThemWhenNotInterspersed) {
  const Parsed p = parse({"-i", "alpine", "ls", "-t", "--rm"}, false);
  EXPECT_FALSE(p.flags.on("tty"));
  EXPECT_EQ(p.rest, (Strings{"alpine", "ls", "-t", "--rm"}));
}

TEST(Flags, DoubleDashEndsThem) {
  EXPECT_EQ(parse({"a", "--", "-d"}).rest, (Strings{"a", "-d"}));
}

TEST(Flags, SwitchesTakeAValueOnlyByEqualsSign) {
  EXPECT_FALSE(parse({"--rm=false"}).flags.on("rm"));
  EXPECT_FALSE(parse({"--sig-proxy=0"}).flags.on("sig-proxy"));
  EXPECT_TRUE(parse({}).flags.on("sig-proxy"));
  EXPECT_EQ(parse({"--rm", "false"}).rest, Strings{"false"});
  EXPECT_FALSE(parse({"-d=false"}).flags.on("detach"));
}

TEST(Flags, CommaListsAreSplit) {
  EXPECT_EQ(parse({"--subnet=a,b", "--subnet", "c"}).flags.list("subnet"),
            (Strings{"a", "b", "c"}));
}

TEST(Flags, Numbers) {
  const Parsed p = parse({"-n0x10", "-m", "64m", "--wait=1m30s", "--cpus", "1.5"});
  EXPECT_EQ(p.flags.number("last"), 16);
  EXPECT_EQ(p.flags.number("memory"), 64 << 20);
  EXPECT_EQ(p.flags.number("wait"), 90'000'000'000);
  EXPECT_EQ(p.flags.number("cpus"), 1'500'000'000);
  EXPECT_EQ(parse({}).flags.number("last"), -1);
}

TEST(Flags, ErrorsSpeakTheWordsThatScriptsKnow) {
  EXPECT_EQ(errorOf({"--foo"}), "unknown flag: --foo");
  EXPECT_EQ(errorOf({"--foo=1"}), "unknown flag: --foo");
  EXPECT_EQ(errorOf({"-x"}), "unknown shorthand flag: 'x' in -x");
  EXPECT_EQ(errorOf({"-ix"}), "unknown shorthand flag: 'x' in -x");
  EXPECT_EQ(errorOf({"-xi"}), "unknown shorthand flag: 'x' in -xi");
  EXPECT_EQ(errorOf({"-m"}), "flag needs an argument: 'm' in -m");
  EXPECT_EQ(errorOf({"--memory"}), "flag needs an argument: --memory");
  EXPECT_EQ(errorOf({"---a"}), "bad flag syntax: ---a");
  EXPECT_EQ(errorOf({"--rm=foo"}),
            "invalid argument \"foo\" for \"--rm\" flag: strconv.ParseBool: parsing \"foo\": "
            "invalid syntax");
  EXPECT_EQ(errorOf({"-n", "foo"}),
            "invalid argument \"foo\" for \"-n, --last\" flag: strconv.ParseInt: parsing \"foo\": "
            "invalid syntax");
  EXPECT_EQ(errorOf({"--weight=70000"}),
            "invalid argument \"70000\" for \"--weight\" flag: strconv.ParseUint: parsing "
            "\"70000\": value out of range");
  EXPECT_EQ(errorOf({"-m", "foo"}),
            "invalid argument \"foo\" for \"-m, --memory\" flag: invalid size: 'foo'");
  EXPECT_EQ(errorOf({"--wait", "5"}),
            "invalid argument \"5\" for \"--wait\" flag: time: missing unit in duration \"5\"");
  EXPECT_EQ(errorOf({"--wait", "x"}),
            "invalid argument \"x\" for \"--wait\" flag: time: invalid duration \"x\"");
  EXPECT_EQ(
      errorOf({"--cpus", "foo"}),
      "invalid argument \"foo\" for \"--cpus\" flag: failed to parse foo as a rational number");
  EXPECT_EQ(errorOf({"--cpus", "1.1234567891"}),
            "invalid argument \"1.1234567891\" for \"--cpus\" flag: value is too precise");
}

TEST(Flags, HelpEndsParsing) {
  EXPECT_TRUE(parse({"--help", "--nonsense"}).flags.helpAsked());
  EXPECT_TRUE(parse({"-h"}).flags.helpByShorthand());
}

TEST(FlagUsages, WrapsLongTextsInTheirColumn) {
  constexpr Flag kOne[] = {
      {"no-stream", 0, Kind::kBool, "", "Disable streaming stats and only pull the first result"},
      {"quiet", 'q', Kind::kBool, "", "Quiet"},
      {"secret", 0, Kind::kBool, "", "Not shown", "", nullptr, kHidden},
  };
  EXPECT_EQ(flagUsages(Flags({kOne}).sorted(), 63),
            "      --no-stream   Disable streaming stats and only pull\n"
            "                    the first result\n"
            "  -q, --quiet       Quiet\n");
}

}  // namespace
}  // namespace commands
