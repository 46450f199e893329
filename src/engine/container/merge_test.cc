#include "engine/container/merge.h"

#include <gtest/gtest.h>

namespace container {
namespace {

using Strings = std::vector<std::string>;

TEST(Merge, VariablesAreReplacedInPlaceAddedAndTakenAway) {
  EXPECT_EQ(mergeEnvironment({"A=1", "B=2", "C=3"}, {"B=x", "D=4", "A", "NONE"}),
            (Strings{"B=x", "C=3", "D=4"}));
  EXPECT_EQ(mergeEnvironment({"A=1", "B=2"}, {"A", "A=again"}), (Strings{"B=2", "A=again"}));
  EXPECT_EQ(mergeEnvironment({}, {"X=1", "X=2", "X=3"}), (Strings{"X=3"}));
  EXPECT_EQ(mergeEnvironment({"A=b=c"}, {}), (Strings{"A=b=c"}));
}

TEST(Merge, TheRequestsVariablesComeBeforeThoseOfTheImage) {
  dockerapi::Config config;
  config.cmd = {"sh"};
  config.env = Strings{"OWN=1", "BOTH=request"};
  mergeImage(config, {.env = {"PATH=/bin", "BOTH=image"}});
  EXPECT_EQ(Strings(config.env.begin(), config.env.end()),
            (Strings{"OWN=1", "BOTH=request", "PATH=/bin"}));
}

// Quadratic, this is forty billion comparisons: hours.
TEST(Merge, ManyVariablesTakeNoLonger) {
  Strings base;
  Strings more;
  for (int i = 0; i < 200'000; ++i) {
    base.push_back("BASE" + std::to_string(i) + "=1");
    more.push_back("MORE" + std::to_string(i) + "=1");
  }
  EXPECT_EQ(mergeEnvironment(base, more).size(), 400'000u);
  dockerapi::Config config;
  config.cmd = {"sh"};
  config.env = base;
  mergeImage(config, {.env = more});
  EXPECT_EQ(config.env.size(), 400'000u);
}

TEST(Merge, AWorkingDirectoryOfAnImageIsBelowTheRoot) {
  const auto merged = [](const std::string& own, const std::string& image) {
    dockerapi::Config config;
    config.cmd = {"sh"};
    config.workingDir = own;
    mergeImage(config, {.workingDir = image});
    return config.workingDir;
  };
  EXPECT_EQ(merged("", "srv/app"), "/srv/app");
  EXPECT_EQ(merged("", "../../etc"), "/etc");
  EXPECT_EQ(merged("", "/as/it/is/"), "/as/it/is/");
  EXPECT_EQ(merged("", ""), "");
  EXPECT_EQ(merged("relative", "/x"), "relative");  // the request's own is refused later
}

}  // namespace
}  // namespace container
