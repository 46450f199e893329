#include "engine/wiring/listeners.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstddef>
#include <cstdlib>

#include "platform/base/error.h"
#include "platform/base/log.h"
#include "platform/base/strings.h"
#include "platform/sys/check.h"
#include "platform/sys/file.h"
#include "platform/sys/socket.h"

namespace wiring {
namespace {

using base::Code;

// By the file, not by NSS: no module of the host is loaded into the daemon.
std::optional<gid_t> groupId(const std::string& name) {
  if (const auto number = base::parseUint(name)) return static_cast<gid_t>(*number);
  const std::string text = sys::readFileIfExists(AT_FDCWD, "/etc/group", 4 << 20).value_or("");
  for (const std::string& line : base::split(text, '\n')) {
    const auto fields = base::split(line, ':');
    if (fields.size() >= 3 && fields[0] == name)
      return static_cast<gid_t>(base::parseUint(fields[2]).value_or(0));
  }
  return std::nullopt;
}

gid_t socketGroup(const Config& config) {
  if (const auto group = groupId(config.group)) return *group;
  if (config.groupGiven) base::fail(Code::kInvalidArgument, "group {} not found", config.group);
  return 0;
}

std::pair<std::string, std::string> splitPath(const std::string& path) {
  const auto slash = path.rfind('/');
  if (slash == std::string::npos || slash + 1 == path.size())
    base::fail(Code::kInvalidArgument, "unix://{} names no socket", path);
  return {slash == 0 ? "/" : path.substr(0, slash), path.substr(slash + 1)};
}

// A stale socket refuses; one that somebody serves must not be taken from them.
bool answers(int folder, const std::string& name) {
  try {
    sys::connectUnix(folder, name, SOCK_STREAM);
    return true;
  } catch (const base::Error&) {
    return false;
  }
}

sys::Fd openUnix(const std::string& path, const Config& config) {
  const auto [directory, name] = splitPath(path);
  sys::makeDirs(AT_FDCWD, directory, 0755);
  const sys::Fd folder = sys::openAt(AT_FDCWD, directory, O_RDONLY | O_DIRECTORY);
  if (answers(folder.get(), name))
    base::fail(Code::kConflict, "unix://{} is in use by another daemon, which listens there", path);
  return sys::listenUnix(folder.get(), name, SOCK_STREAM, 0660, socketGroup(config));
}

sys::Fd openTcp(const std::string& address) {
  const auto colon = address.rfind(':');
  const auto port = colon == std::string::npos
                        ? std::nullopt
                        : base::parseUint(std::string_view(address).substr(colon + 1));
  const std::string host = address.substr(0, colon);
  sockaddr_in where{};
  where.sin_family = AF_INET;
  const bool readable =
      port && *port > 0 && *port < 65536 &&
      inet_pton(AF_INET, host == "localhost" ? "127.0.0.1" : host.c_str(), &where.sin_addr) == 1;
  if (!readable)
    base::fail(Code::kInvalidArgument, "invalid bind address format: tcp://{}", address);
  if ((ntohl(where.sin_addr.s_addr) >> 24) != 127) {
    base::fail(Code::kForbidden,
               "tcp://{} refused: without TLS the API would give root to the network; bind it to "
               "127.0.0.1, or use a unix socket over ssh",
               address);
  }
  base::log::warn(
      "Binding to an IP address without --tlsverify is insecure and gives root access on this "
      "machine to everyone who has access to your network.",
      {{"host", "tcp://" + address}});
  where.sin_port = htons(static_cast<std::uint16_t>(*port));
  sys::Fd socket(sys::check(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket"));
  const int one = 1;
  setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  sys::check(::bind(socket.get(), reinterpret_cast<const sockaddr*>(&where), sizeof where), "bind",
             address);
  sys::check(::listen(socket.get(), 1024), "listen", address);
  return socket;
}

}  // namespace

sys::Fd openListener(const std::string& host, const Config& config) {
  return base::within("failed to load listeners", [&] {
    if (host.starts_with("unix://")) return openUnix(host.substr(7), config);
    if (host.starts_with("tcp://")) return openTcp(host.substr(6));
    if (host.starts_with("fd://"))
      base::fail(Code::kNotImplemented, "-H fd:// (socket activation) is not implemented");
    base::fail(Code::kInvalidArgument, "invalid bind address format: {}", host);
  });
}

void notifyReady() {
  const char* name = ::secure_getenv("NOTIFY_SOCKET");  // NOLINT(concurrency-mt-unsafe): never set
  if (name == nullptr) return;
  const std::string path = name;
  sockaddr_un where{};
  where.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof where.sun_path) return;
  path.copy(where.sun_path, path.size());
  if (path[0] == '@') where.sun_path[0] = '\0';  // the abstract name space
  const sys::Fd socket(sys::check(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0), "socket"));
  constexpr std::string_view kReady = "READY=1";
  const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size());
  if (::sendto(socket.get(), kReady.data(), kReady.size(), MSG_NOSIGNAL,
               reinterpret_cast<const sockaddr*>(&where), length) < 0)
    base::log::warn("the service manager was not told that the daemon is ready",
                    {{"socket", path}});
}

std::optional<std::string> openDoorWarning(const std::string& host) {
  if (!host.starts_with("tcp://")) return std::nullopt;
  return fmt::format(
      "WARNING: API is accessible on http://{} without encryption: every process on this host that "
      "can connect there is root",
      host.substr(6));
}

void writePidfile(const std::string& path) {
  if (const auto old = sys::readFileIfExists(AT_FDCWD, path, 64)) {
    const auto pid = base::parseInt(base::trim(*old));
    if (pid && *pid > 1 && *pid != getpid()) {
      // Only a sampand counts, and only a living one: after a reboot the number may be anybody's,
      // and one that was killed keeps its name until its parent has heard.
      const auto stat = sys::readFileIfExists(AT_FDCWD, fmt::format("/proc/{}/stat", *pid), 4096);
      if (stat && stat->find("(sampand) ") != std::string::npos &&
          stat->find("(sampand) Z") == std::string::npos) {
        base::fail(Code::kConflict,
                   "failed to start daemon: process with PID {} is still running (pidfile {})",
                   *pid, path);
      }
    }
  }
  const auto slash = path.rfind('/');
  if (slash != 0 && slash != std::string::npos)
    sys::makeDirs(AT_FDCWD, path.substr(0, slash), 0755);
  sys::writeAtomic(AT_FDCWD, path, fmt::format("{}\n", getpid()), 0644);
}

}  // namespace wiring
