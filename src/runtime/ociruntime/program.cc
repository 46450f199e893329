#include <fcntl.h>
#include <unistd.h>

#include <cstdio>
#include <ctime>

#include "platform/base/error.h"
#include "platform/base/strings.h"
#include "platform/base/time.h"
#include "platform/sys/file.h"
#include "runtime/ociruntime/runtime.h"
#include "runtime/ociruntime/seal.h"

namespace ociruntime {
namespace {

// containerd and podman read the last line of the log for the reason.
void report(const Options& options, const std::string& message) {
  std::fprintf(stderr, "%s\n", message.c_str());
  if (options.log.empty()) return;
  char now[32] = {};
  const std::time_t seconds = std::time(nullptr);
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  std::strftime(now, sizeof now, "%Y-%m-%dT%H:%M:%SZ", &parts);
  const std::string line =
      options.logJson ? fmt::format("{{\"level\":\"error\",\"msg\":{},\"time\":\"{}\"}}\n",
                                    base::quote(message), now)
                      : fmt::format("time=\"{}\" level=error msg={}\n", now, base::quote(message));
  try {
    const auto log = sys::openAt(AT_FDCWD, options.log, O_WRONLY | O_CREAT | O_APPEND, 0644);
    sys::writeAll(log.get(), line);
  } catch (const base::Error& error) {
    std::fprintf(stderr, "%s\n", error.what());
  }
}

int execute(const Options& options, char** argv, char** env) {
  if (options.version) {
    std::printf("sampan-runtime version %s\nspec: %s\n", SAMPAN_VERSION,
                std::string(oci::kRuntimeSpecVersion).c_str());
    return 0;
  }
  if (options.help) {
    std::fputs(helpText().c_str(), stdout);
    return 0;
  }
  if (options.command == "create" || options.command == "run") runFromSealedCopy(argv, env);
  Runtime runtime(options);
  if (options.command == "create") runtime.create();
  if (options.command == "start") runtime.start();
  if (options.command == "run") return runtime.run();
  if (options.command == "state") std::printf("%s\n", runtime.state().c_str());
  if (options.command == "kill") runtime.kill();
  if (options.command == "delete") runtime.remove();
  return 0;
}

// A standard stream that the caller closed would be taken by the first file that is opened here.
void fillStandardStreams() {
  for (int fd = 0; fd < 3; ++fd) {
    if (::fcntl(fd, F_GETFD) < 0) ::open("/dev/null", O_RDWR);
  }
}

}  // namespace

int program(int argc, char** argv, char** env) {
  fillStandardStreams();
  Options options;
  try {
    options = parseOptions({argv + 1, argv + argc});
    return execute(options, argv, env);
  } catch (const std::exception& error) {
    report(options, error.what());
    return 1;
  }
}

}  // namespace ociruntime
