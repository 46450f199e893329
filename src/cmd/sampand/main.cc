// sampand: the container engine's daemon.
#include <fcntl.h>
#include <fmt/format.h>
#include <malloc.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <string>
#include <vector>

#include "engine/wiring/config.h"
#include "engine/wiring/daemon.h"
#include "platform/base/error.h"
#include "platform/base/log.h"

namespace {

// Where sampan-shim and sampan-init are: beside this program.
std::string programDirectory() {
  char path[4096];
  const ssize_t length = readlink("/proc/self/exe", path, sizeof path);
  if (length <= 0) base::failErrno(errno, "readlink", "/proc/self/exe");
  const std::string text(path, static_cast<size_t>(length));
  return text.substr(0, text.rfind('/'));
}

void prepareProcess() {
  mallopt(M_ARENA_MAX, 2);  // an arena a thread would keep what each of them once needed
  mallopt(M_TRIM_THRESHOLD, 256 * 1024);
  signal(SIGPIPE, SIG_IGN);
  umask(022);
  rlimit files{1 << 20, 1 << 20};
  if (setrlimit(RLIMIT_NOFILE, &files) != 0) {
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
  }
  // Every thread inherits this mask; only main looks at these.
  sigset_t signals;
  sigemptyset(&signals);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&signals, signal);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
}

int run(const std::vector<std::string>& arguments) {
  wiring::Config config = wiring::readConfig(arguments);
  if (config.version) {
    fmt::print("Sampan version {}\n", SAMPAN_VERSION);
    return 0;
  }
  if (config.help) {
    fmt::print("{}", wiring::helpText());
    return 0;
  }
  if (config.validate) {
    fmt::print("configuration OK\n");
    return 0;
  }
  if (geteuid() != 0)
    base::fail(base::Code::kForbidden, "sampand needs to be started with root privileges");
  base::log::setLevel(config.debug ? base::log::Level::kDebug : config.logLevel);
  wiring::Daemon daemon(std::move(config), programDirectory());
  daemon.run();
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  prepareProcess();
  try {
    return run(std::vector<std::string>(argv + 1, argv + argc));
  } catch (const base::Error& error) {
    fmt::print(stderr, "sampand: {}\n", error.message());
  } catch (const std::exception& error) {
    fmt::print(stderr, "sampand: {}\n", error.what());
  }
  return 1;
}
