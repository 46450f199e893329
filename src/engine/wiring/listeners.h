// The daemon's doors: unix sockets, and TCP on loopback.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "engine/wiring/config.h"
#include "platform/sys/fd.h"

namespace wiring {

// unix: the directory is made, a stale socket replaced (kConflict where one is served), mode 0660,
// group `group` where it exists (an error only when it was asked for). tcp: loopback only, with
// dockerd's warning; elsewhere refused, since there is no TLS yet.
sys::Fd openListener(const std::string& host, const Config& config);

// Tells a service manager that asked for it (systemd, Type=notify) that the doors are open.
void notifyReady();

// What `info` warns of where `host` is a door without lock; nullopt for unix sockets.
std::optional<std::string> openDoorWarning(const std::string& host);

// Writes the pid; a file of a process that is gone is replaced. Error kConflict when that daemon
// still runs.
void writePidfile(const std::string& path);

}  // namespace wiring
