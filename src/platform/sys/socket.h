// Unix sockets by directory descriptor (no 108-byte limit), and descriptors sent over them.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "platform/sys/fd.h"

namespace sys {

// `type` is SOCK_STREAM or SOCK_SEQPACKET. The path of the address is /proc/self/fd/DIR/name, short
// whatever the real path is. A stale socket of that name is replaced by listen. Mode is set before
// the socket can be connected to.
Fd listenUnix(int dir, const std::string& name, int type, mode_t mode, gid_t group = 0,
              int backlog = 1024);
// Error kInternal with ENOENT or ECONNREFUSED when nobody listens.
Fd connectUnix(int dir, const std::string& name, int type);
// For a path of any length.
Fd connectUnixPath(const std::string& path, int type);
std::pair<Fd, Fd> socketPair(int type);

// One message with descriptors; blocks. Error kInternal (EPIPE when the peer is gone).
void sendMessage(int socket, std::span<const std::byte> bytes, std::span<const int> fds = {});

struct Message {
  std::vector<std::byte> bytes;  // empty: the peer closed
  std::vector<Fd> fds;           // CLOEXEC
};
// At most `limit` bytes; a truncated message is an Error.
Message receiveMessage(int socket, size_t limit = 64 * 1024);

}  // namespace sys
