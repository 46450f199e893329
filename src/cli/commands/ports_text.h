// A container's ports in one line: "0.0.0.0:8080->80/tcp, 90/udp", neighbouring numbers joined.
#pragma once

#include <map>
#include <string>

#include "cli/commands/list_format.h"
#include "platform/json/value.h"

namespace commands {

// The Ports of GET /containers/json.
std::string portsText(const json::Value::Array& ports);

// One container of GET /containers/json as a row of `ps`, and how such rows are shown; also for
// `system df -v`.
Row containerRow(const json::Value& container, bool truncate);
const ListView& containerView(bool size);

}  // namespace commands
