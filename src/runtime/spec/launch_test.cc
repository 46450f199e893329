// What the launch promises, on real processes. Security rows have a file of their own (launch_security_test.cc).
#include "runtime/spec/launch_fixture.h"

namespace spec::testing {
namespace {

using ::testing::HasSubstr;

TEST_F(LaunchTest, RunsAProgramInItsOwnRoot) {
  const Result result = runInBox({"sh", "-c", "echo $$; hostname; ls /; pwd; echo $HOME"});
  ASSERT_TRUE(result.started) << result.failure.text;
  EXPECT_EQ(result.code(), 0);
  EXPECT_EQ(result.out, "1\nbox\nbin\ndata\ndev\netc\nproc\nsys\ntmp\n/\n/root\n");
}

}  // namespace
}  // namespace spec::testing
