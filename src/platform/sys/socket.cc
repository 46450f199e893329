#include "platform/sys/socket.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "platform/sys/check.h"
#include "platform/sys/file.h"

namespace sys {
namespace {

constexpr size_t kMaxFds = 253;  // SCM_MAX_FD

sockaddr_un addressOf(int dir, const std::string& name) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string path = dir == AT_FDCWD ? name : procPath(dir) + "/" + name;
  if (path.size() >= sizeof address.sun_path) base::failErrno(ENAMETOOLONG, "socket", name);
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  return address;
}

Fd newSocket(int type) {
  return Fd(check(::socket(AF_UNIX, type | SOCK_CLOEXEC, 0), "socket"));
}

void removeStale(int dir, const std::string& name) {
  const auto old = statAtIfExists(dir, name);
  if (!old) return;
  if (!S_ISSOCK(old->st_mode)) base::failErrno(EEXIST, "listen", name);
  removeFile(dir, name);
}

}  // namespace

Fd listenUnix(int dir, const std::string& name, int type, mode_t mode, gid_t group, int backlog) {
  Fd socket = newSocket(type);
  const sockaddr_un address = addressOf(dir, name);
  removeStale(dir, name);
  check(::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), "bind",
        name);
  // Until listen(2) a connect is refused, so nobody slips in under the umask's mode.
  if (group != 0)
    check(::fchownat(dir, name.c_str(), static_cast<uid_t>(-1), group, AT_SYMLINK_NOFOLLOW),
          "chown", name);
  check(::fchmodat(dir, name.c_str(), mode, 0), "chmod", name);
  check(::listen(socket.get(), backlog), "listen", name);
  return socket;
}

Fd connectUnix(int dir, const std::string& name, int type) {
  Fd socket = newSocket(type);
  const sockaddr_un address = addressOf(dir, name);
  // An interrupted connect of a unix socket has changed nothing, unlike one of TCP: it may be
  // repeated.
  check(retry([&] {
          return ::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address),
                           sizeof address);
        }),
        "connect", name);
  return socket;
}

Fd connectUnixPath(const std::string& path, int type) {
  const auto slash = path.rfind('/');
  if (slash == std::string::npos) return connectUnix(AT_FDCWD, path, type);
  const Fd dir = openAt(AT_FDCWD, slash == 0 ? "/" : path.substr(0, slash), O_PATH | O_DIRECTORY);
  return connectUnix(dir.get(), path.substr(slash + 1), type);
}

std::pair<Fd, Fd> socketPair(int type) {
  int fds[2];
  check(::socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, fds), "socketpair");
  return {Fd(fds[0]), Fd(fds[1])};
}

void sendMessage(int socket, std::span<const std::byte> bytes, std::span<const int> fds) {
  if (fds.size() > kMaxFds) base::failErrno(EINVAL, "sendmsg", "too many descriptors");
  alignas(cmsghdr) char control[CMSG_SPACE(kMaxFds * sizeof(int))];
  bool first = true;
  do {
    iovec vector{.iov_base = const_cast<std::byte*>(bytes.data()), .iov_len = bytes.size()};
    msghdr message{};
    message.msg_iov = &vector;
    message.msg_iovlen = 1;
    if (first && !fds.empty()) {
      message.msg_control = control;
      message.msg_controllen = CMSG_SPACE(fds.size_bytes());
      std::memset(control, 0, message.msg_controllen);
      cmsghdr* header = CMSG_FIRSTHDR(&message);
      header->cmsg_level = SOL_SOCKET;
      header->cmsg_type = SCM_RIGHTS;
      header->cmsg_len = CMSG_LEN(fds.size_bytes());
      std::memcpy(CMSG_DATA(header), fds.data(), fds.size_bytes());
    }
    const auto n =
        check(retry([&] { return ::sendmsg(socket, &message, MSG_NOSIGNAL); }), "sendmsg");
    bytes = bytes.subspan(static_cast<size_t>(n));
    first = false;
  } while (!bytes.empty());
}

Message receiveMessage(int socket, size_t limit) {
  Message result;
  result.bytes.resize(limit);
  alignas(cmsghdr) char control[CMSG_SPACE(kMaxFds * sizeof(int))];
  iovec vector{.iov_base = result.bytes.data(), .iov_len = limit};
  msghdr message{};
  message.msg_iov = &vector;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  const auto n =
      check(retry([&] { return ::recvmsg(socket, &message, MSG_CMSG_CLOEXEC); }), "recvmsg");
  for (cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr;
       header = CMSG_NXTHDR(&message, header)) {
    if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
    const size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (size_t i = 0; i < count; ++i) {
      int fd;
      std::memcpy(&fd, CMSG_DATA(header) + i * sizeof fd, sizeof fd);
      result.fds.emplace_back(fd);
    }
  }
  if ((message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0)
    base::failErrno(EMSGSIZE, "recvmsg", "truncated message");
  result.bytes.resize(static_cast<size_t>(n));
  return result;
}

}  // namespace sys
