// What a task costs: time to start, memory while idle, log throughput. Prints numbers and judges
// none of them: build/ci/bench/task_cost (needs root).
#include <signal.h>
#include <sys/wait.h>

#include <algorithm>
#include <cstdio>

#include "runtime/shim/client.h"
#include "runtime/task/task_fixture.h"

namespace task::testing {
namespace {

double milliseconds(std::int64_t ns) {
  return static_cast<double>(ns) / 1e6;
}

// "Pss:" and friends of /proc/PID/smaps_rollup, in kB.
long memoryOf(int pid, const std::string& field) {
  const std::string text =
      sys::readFile(AT_FDCWD, "/proc/" + std::to_string(pid) + "/smaps_rollup");
  const auto at = text.find("\n" + field + ":");
  return at == std::string::npos ? -1 : std::atol(text.c_str() + at + field.size() + 2);
}

class TaskCostTest : public TaskTest {
 protected:
  int shimOf(const std::string& id) {
    const sys::Fd dir = sys::openAt(AT_FDCWD, base_ + "/exec/task/" + id, O_PATH | O_DIRECTORY);
    return shim::readStatus(dir.get())->shimPid;
  }
};

TEST_F(TaskCostTest, StartAndExec) {
  std::vector<double> starts, execs, whole;
  for (int i = 0; i < 30; ++i) {
    const std::string id = "start" + std::to_string(i);
    auto start = request(id, "");
    start.spec.process->args = {"/bin/sleep", "100"};
    const auto from = base::monotonicNs();
    tasks_->start(std::move(start));
    starts.push_back(milliseconds(base::monotonicNs() - from));
    ExecRequest exec;
    exec.id = id;
    exec.exec = "e";
    exec.process = *spec::defaultSpec(false).process;
    exec.process.args = {"/bin/true"};
    const auto begun = base::monotonicNs();
    tasks_->exec(std::move(exec));
    execs.push_back(milliseconds(base::monotonicNs() - begun));
    exits_.await(id, "e");
    whole.push_back(milliseconds(base::monotonicNs() - begun));
    tasks_->signal(id, SIGKILL);
    exits_.await(id);
    tasks_->forget(id);
  }
  for (auto* all : {&starts, &execs, &whole}) std::sort(all->begin(), all->end());
  printf(
      "start: median %.2f ms, best %.2f; exec: median %.2f ms, best %.2f; exec to its exit: median "
      "%.2f\n",
      starts[15], starts[0], execs[15], execs[0], whole[15]);
}

TEST_F(TaskCostTest, FiftyIdleTasks) {
  for (int i = 0; i < 50; ++i) {
    tasks_->start(request("idle" + std::to_string(i), "echo some output; sleep 100; echo"));
  }
  ::usleep(1'500'000);
  long pss = 0, rss = 0, dirty = 0, most = 0;
  for (int i = 0; i < 50; ++i) {
    const int pid = shimOf("idle" + std::to_string(i));
    const long one = memoryOf(pid, "Pss");
    pss += one;
    most = std::max(most, one);
    rss += memoryOf(pid, "Rss");
    dirty += memoryOf(pid, "Private_Dirty");
  }
  printf("50 idle shims: %.1f kB PSS each (most %ld), RSS %.1f, private dirty %.1f\n", pss / 50.0,
         most, rss / 50.0, dirty / 50.0);
}

TEST_F(TaskCostTest, MemoryComesBackAfterABurst) {
  tasks_->start(request("burst", "seq 1 300000; sleep 100"));
  for (int i = 0; i < 200 && logText("burst").find("\"300000\\n\"") == std::string::npos; ++i)
    ::usleep(20'000);
  ::usleep(800'000);
  // The program's own pages count as private while there is only one shim.
  const long anonymous = memoryOf(shimOf("burst"), "Anonymous");
  printf("after 300,000 lines: %ld kB PSS, %ld anonymous\n", memoryOf(shimOf("burst"), "Pss"),
         anonymous);
}

TEST_F(TaskCostTest, LogOfTwoHundredMegabytes) {
  auto start = request("log200", "");
  start.spec.process->args = {
      "/bin/sh", "-c",
      "yes 0123456789012345678901234567890123456789012345678901234567890123456789012345678 | head "
      "-c 200000000"};
  const auto from = base::monotonicNs();
  tasks_->start(std::move(start));
  EXPECT_EQ(exits_.await("log200", "", std::chrono::seconds(120)).code, 0);
  const double seconds = milliseconds(base::monotonicNs() - from) / 1000;
  printf("200 MB of 80-byte lines into the log: %.2f s\n", seconds);
}

}  // namespace
}  // namespace task::testing
