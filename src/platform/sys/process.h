// Processes by pidfd: a pid alone may be another process by now.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

#include "platform/sys/fd.h"

namespace sys {

// nullopt: no such process.
std::optional<Fd> openPidfd(pid_t pid);
// False: the process is gone.
bool signalPidfd(int pidfd, int signal);
bool exited(int pidfd);

// Field 22 of /proc/PID/stat: ticks since boot; with the pid it names a process for ever. nullopt:
// gone.
std::optional<unsigned long long> startTime(pid_t pid);

// /proc/sys/kernel/random/boot_id: tells a reboot from a crash.
std::string bootId();

}  // namespace sys
