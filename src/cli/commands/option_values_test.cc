#include "cli/commands/option_values.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <fstream>

#include "platform/base/error_test_util.h"

namespace commands {
namespace {

using Strings = std::vector<std::string>;

using base::test::errorOf;

TEST(ExtraHost, TakesColonOrEqualsSign) {
  EXPECT_EQ(extraHost("a:1.2.3.4"), "a:1.2.3.4");
  EXPECT_EQ(extraHost("a=[::1]"), "a:::1");
  EXPECT_EQ(extraHost("a=host-gateway"), "a:host-gateway");
  EXPECT_EQ(errorOf([] { extraHost("foo"); }), "bad format for add-host: \"foo\"");
  EXPECT_EQ(errorOf([] { extraHost("foo:bar"); }), "invalid IP address in add-host: \"bar\"");
}

TEST(Checks, SpeakDockersWords) {
  EXPECT_EQ(errorOf([] { checkAttachStream("foo"); }),
            "valid streams are STDIN, STDOUT and STDERR");
  EXPECT_EQ(errorOf([] { checkEnvironment("=x"); }), "invalid environment variable: =x");
  EXPECT_EQ(errorOf([] { checkLabel(""); }), "invalid label '': empty name");
  EXPECT_EQ(errorOf([] { checkIpAddress("foo"); }), "IP address is not correctly formatted: foo");
  EXPECT_EQ(errorOf([] { checkSearchDomain("-"); }), "- is not a valid domain");
  EXPECT_EQ(errorOf([] { checkLink("a:b:c"); }), "bad format for links: a:b:c");
  EXPECT_EQ(errorOf([] { checkSysctl("kernel.foo=1"); }), "sysctl 'kernel.foo=1' is not allowed");
  EXPECT_EQ(errorOf([] { checkSysctl("net.core.somaxconn=5"); }), "no error");
  EXPECT_EQ(errorOf([] { checkDeviceRule("foo"); }), "invalid device cgroup format 'foo'");
  EXPECT_EQ(errorOf([] { checkDeviceRule("c *:3 rw"); }), "no error");
  EXPECT_EQ(errorOf([] { checkFilter("foo"); }), "bad format of filter (expected name=value)");
}

TEST(Ulimit, SoftAndHard) {
  EXPECT_EQ(ulimit("nofile=10:20").write(), R"({"Name":"nofile","Hard":20,"Soft":10})");
  EXPECT_EQ(ulimit("core=-1").write(), R"({"Name":"core","Hard":-1,"Soft":-1})");
  EXPECT_EQ(errorOf([] { ulimit("foo"); }), "invalid ulimit argument: foo");
  EXPECT_EQ(errorOf([] { ulimit("foo=1"); }), "invalid ulimit type: foo");
  EXPECT_EQ(errorOf([] { ulimit("nofile=2:1"); }),
            "ulimit soft limit must be less than or equal to hard limit: 2 > 1");
  EXPECT_EQ(errorOf([] { ulimit("nofile=1:2:3"); }),
            "too many limit value arguments - 1:2:3, can only have up to two, `soft[:hard]`");
  EXPECT_EQ(errorOf([] { ulimit("nofile=x"); }), "strconv.ParseInt: parsing \"x\": invalid syntax");
}

TEST(Devices, Mapping) {
  EXPECT_EQ(
      deviceMapping("/dev/null").write(),
      R"({"PathOnHost":"/dev/null","PathInContainer":"/dev/null","CgroupPermissions":"rwm"})");
  EXPECT_EQ(deviceMapping("/dev/zero:/dev/z:r")["CgroupPermissions"].asString(), "r");
  EXPECT_EQ(deviceMapping("/dev/zero:rw")["PathInContainer"].asString(), "/dev/zero");
  EXPECT_EQ(errorOf([] { deviceMapping(""); }), "bad format for path: ");
  EXPECT_EQ(errorOf([] { deviceMapping("a:b:c:d"); }), "bad format for path: a:b:c:d");
  EXPECT_EQ(errorOf([] { deviceMapping("/dev/null:/dev/x:q"); }), "bad mode specified: q");
  EXPECT_TRUE(isCdiDevice("vendor.com/class=name"));
  EXPECT_FALSE(isCdiDevice("/dev/null"));
}

TEST(Devices, Limits) {
  EXPECT_EQ(byteRate("/dev/x:1mb").write(), R"({"Path":"/dev/x","Rate":1048576})");
  EXPECT_EQ(operationRate("/dev/x:5").write(), R"({"Path":"/dev/x","Rate":5})");
  EXPECT_EQ(weightDevice("/dev/x:500").write(), R"({"Path":"/dev/x","Weight":500})");
  EXPECT_EQ(errorOf([] { weightDevice("/dev/x:5"); }), "invalid weight for device: /dev/x:5");
  EXPECT_EQ(errorOf([] { byteRate("foo"); }), "bad format: foo");
  EXPECT_EQ(errorOf([] { byteRate("foo:1"); }), "bad format for device path: foo:1");
}

TEST(Gpus, AllOrCountOrDevices) {
  EXPECT_EQ(gpuRequest("all").write(),
            R"({"Driver":"","Count":-1,"DeviceIDs":null,"Capabilities":[["gpu"]],"Options":{}})");
  EXPECT_EQ(
      gpuRequest("\"device=1,2\",capabilities=utility").write(),
      R"({"Driver":"","Count":0,"DeviceIDs":["1","2"],"Capabilities":[["utility","gpu"]],"Options":{}})");
  EXPECT_EQ(errorOf([] { gpuRequest("foo"); }),
            "invalid count (foo): value must be either \"all\" or an integer: invalid syntax");
  EXPECT_EQ(errorOf([] { gpuRequest("all=1"); }), "unexpected key 'all' in 'all=1'");
}

TEST(RestartPolicy, NameAndCount) {
  EXPECT_EQ(restartPolicy("on-failure:3").write(),
            R"({"Name":"on-failure","MaximumRetryCount":3})");
  EXPECT_EQ(errorOf([] { restartPolicy("on-failure:x"); }),
            "invalid restart policy format: maximum retry count must be an integer");
}

TEST(Environment, BareNamesTakeOurValueOrStay) {
  ::setenv("H8_TEST_VARIABLE", "value", 1);
  ::unsetenv("H8_TEST_ABSENT");
  EXPECT_EQ(readKeyValueFiles({}, {"A=1", "H8_TEST_VARIABLE", "H8_TEST_ABSENT"}, true),
            (Strings{"A=1", "H8_TEST_VARIABLE=value", "H8_TEST_ABSENT"}));
}

TEST(Environment, FilesWithCommentsAndBlankLines) {
  const std::string path = ::testing::TempDir() + "h8-env-file";
  std::ofstream(path) << "# comment\n\n  A=1 2\nB=\nH8_TEST_ABSENT\n";
  ::unsetenv("H8_TEST_ABSENT");
  EXPECT_EQ(readKeyValueFiles({path}, {"C=3"}, true), (Strings{"A=1 2", "B=", "C=3"}));
  EXPECT_EQ(readKeyValueFiles({path}, {}, false), (Strings{"A=1 2", "B="}));
  std::ofstream(path) << "A B=1\n";
  EXPECT_EQ(errorOf([&] { readKeyValueFiles({path}, {}, true); }),
            "invalid env file (" + path + "): variable 'A B' contains whitespaces");
  EXPECT_EQ(errorOf([] { readKeyValueFiles({"/nope"}, {}, true); }),
            "open /nope: no such file or directory");
}

TEST(SplitRecord, QuotedFieldsHoldCommas) {
  EXPECT_EQ(splitRecord("a,\"b=1,2\",c"), (Strings{"a", "b=1,2", "c"}));
  EXPECT_EQ(splitRecord("\"x\"\"y\""), Strings{"x\"y"});
}

}  // namespace
}  // namespace commands
