#include "platform/sys/process.h"

#include <poll.h>

#include <cerrno>
#include <csignal>

extern "C" {
#include <sys/pidfd.h>  // glibc 2.36 forgets to say so itself
}

#include "platform/base/strings.h"
#include "platform/sys/check.h"
#include "platform/sys/file.h"

namespace sys {

std::optional<Fd> openPidfd(pid_t pid) {
  Fd fd(::pidfd_open(pid, 0));
  if (fd.valid()) return fd;
  // EINVAL: a thread that leads no process, or a number that can be no pid.
  if (errno == ESRCH || errno == EINVAL) return std::nullopt;
  base::failErrno(errno, "pidfd_open", std::to_string(pid));
}

bool signalPidfd(int pidfd, int signal) {
  if (::pidfd_send_signal(pidfd, signal, nullptr, 0) == 0) return true;
  if (errno == ESRCH) return false;
  base::failErrno(errno, "pidfd_send_signal", std::to_string(signal));
}

bool exited(int pidfd) {
  pollfd poll{.fd = pidfd, .events = POLLIN, .revents = 0};
  return retry([&] { return ::poll(&poll, 1, 0); }) == 1 && (poll.revents & POLLIN) != 0;
}

std::optional<unsigned long long> startTime(pid_t pid) {
  std::optional<std::string> stat;
  try {
    stat = readFileIfExists(AT_FDCWD, "/proc/" + std::to_string(pid) + "/stat", 4096);
  } catch (const base::Error& error) {
    if (error.sysErrno() == ESRCH) return std::nullopt;  // it ended between open and read
    throw;
  }
  if (!stat) return std::nullopt;
  // The command name may hold anything, also ") ": count from the last parenthesis, behind which
  // field 3 begins.
  const auto end = stat->rfind(')');
  if (end == std::string::npos) return std::nullopt;
  const auto fields = base::split(base::trim(std::string_view(*stat).substr(end + 1)), ' ');
  constexpr size_t kStartTime = 22 - 3;
  if (fields.size() <= kStartTime) return std::nullopt;
  return base::parseUint(fields[kStartTime]);
}

std::string bootId() {
  return std::string(base::trim(readFile(AT_FDCWD, "/proc/sys/kernel/random/boot_id", 4096)));
}

}  // namespace sys
