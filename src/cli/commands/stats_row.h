// One sample of GET /containers/ID/stats as a row of `stats`.
#pragma once

#include "cli/commands/list_format.h"

namespace commands {

// `asked`: the name under which the container was asked for. A null sample: nothing is known yet
// ("--").
Row statsRow(const json::Value& sample, const std::string& asked, bool truncate);
const ListView& statsView();

}  // namespace commands
