// SIGHUP: daemon.json is read again, and what may change while the daemon runs changes.
#pragma once

#include <string>

#include "engine/wiring/live_config.h"
#include "state/events/events.h"
#include "storage/image/images.h"

namespace wiring {

// Takes over debug, log-level, labels, insecure-registries, registry-mirrors and the limits of
// transfers; a key that is gone means its default again. The rest waits for the next start. Tells
// it in the log and as the event "daemon reload". A file that cannot be read, or says what cannot
// be, changes nothing and is logged. Never throws.
void reload(LiveConfig& config, image::Images& images, events::Bus& events,
            const std::string& engineId, const std::string& hostname) noexcept;

image::Transfers transfersOf(const Config& config);

}  // namespace wiring
