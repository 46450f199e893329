// One volume as a row, and how such rows are shown: for `volume ls` and `system df -v`.
#pragma once

#include "cli/commands/list_format.h"

namespace commands {

Row volumeRow(const json::Value& volume);
const ListView& volumeView(bool usage);

}  // namespace commands
