#include "platform/base/fault.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <thread>
#include <vector>

#include "platform/base/error.h"

namespace {

#if SAMPAN_FAULTS

class Fault : public testing::Test {
 protected:
  void arm(const char* spec) {
    setenv("SAMPAN_FAULT", spec, 1);
    base::fault::reload();
  }
  ~Fault() override {
    unsetenv("SAMPAN_FAULT");
    base::fault::reload();
  }
};

TEST_F(Fault, UnarmedDoesNothing) {
  unsetenv("SAMPAN_FAULT");
  base::fault::reload();
  EXPECT_NO_THROW(base::faultPoint("a"));
  EXPECT_EQ(base::fault::g_state, base::fault::State::kNone);
}

TEST_F(Fault, ThrowsTheErrnoAtTheNthHitOnly) {
  arm("a:2:errno=28,b:1:errno=5");
  EXPECT_NO_THROW(base::faultPoint("a"));
  EXPECT_NO_THROW(base::faultPoint("c"));
  try {
    base::faultPoint("a");
    FAIL();
  } catch (const base::Error& error) {
    EXPECT_EQ(error.sysErrno(), ENOSPC);
    EXPECT_EQ(error.message(), "fault a: no space left on device");
  }
  EXPECT_NO_THROW(base::faultPoint("a"));
  EXPECT_THROW(base::faultPoint("b"), base::Error);
}

TEST_F(Fault, KillsAndPausesTheProcess) {
  for (const auto& [spec, stopped] : {std::pair("x:1:kill", false), std::pair("x:1:pause", true)}) {
    arm(spec);
    const pid_t pid = fork();
    if (pid == 0) {
      base::faultPoint("x");
      _exit(0);
    }
    int status = 0;
    ASSERT_EQ(waitpid(pid, &status, WUNTRACED), pid);
    if (!stopped) {
      EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
      continue;
    }
    EXPECT_TRUE(WIFSTOPPED(status));
    kill(pid, SIGCONT);
    ASSERT_EQ(waitpid(pid, &status, 0), pid);
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  }
}

TEST_F(Fault, OneThreadOfManyTakesTheHit) {
  arm("many:100:errno=5");
  std::atomic<int> thrown{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int hit = 0; hit < 50; ++hit) {
        try {
          base::faultPoint("many");
        } catch (const base::Error&) {
          ++thrown;
        }
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(thrown, 1);
}

TEST_F(Fault, RefusesWhatItDoesNotUnderstand) {
  for (const char* spec : {"a", "a:0:kill", "a:1:explode", "a:1:errno=", "a:x:kill", ","}) {
    setenv("SAMPAN_FAULT", spec, 1);
    EXPECT_THROW(base::fault::reload(), base::Error) << spec;
  }
}

#endif

}  // namespace
