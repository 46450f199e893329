// Where the master side of a container's terminal goes.
#pragma once

#include <string>

#include "platform/sys/fd.h"

namespace ociruntime {

// --console-socket: sends the descriptor to whoever listens there.
void sendMaster(const std::string& socketPath, int master);
// --pidfd-socket.
void sendPidfd(const std::string& socketPath, int pidfd);

// `run` in the foreground: passes signals on and, with a terminal (master valid), bytes both ways,
// until the process ends. Its exit code, or 128 and the signal.
int standBy(int pid, int pidfd, const sys::Fd& master);

}  // namespace ociruntime
