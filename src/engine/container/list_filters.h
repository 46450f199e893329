// The filters of GET /containers/json.
#pragma once

#include <vector>

#include "engine/container/inspect.h"

namespace container {

// Newest first: what the query's before, since, all and limit leave. Checks every filter's values.
std::vector<View> candidates(Core& core, const ListQuery& query);
bool matches(Core& core, const Record& record, const dockerapi::Filters& filters);

}  // namespace container
