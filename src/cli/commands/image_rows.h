// One image of GET /images/json as rows, and how such rows are shown: for `images` and `system df
// -v`.
#pragma once

#include <vector>

#include "cli/commands/list_format.h"

namespace commands {

std::vector<Row> imageRows(const json::Value& image, bool truncate, bool digests);

enum class ImageTable { kPlain, kDigests, kUsage };
const ListView& imageView(ImageTable table);

}  // namespace commands
