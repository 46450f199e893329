// Records as the API shows them: inspect and list lines. Read from views; no operation is waited
// for.
#pragma once

#include <optional>
#include <string>

#include "api/dockerapi/container.h"
#include "api/dockerapi/filters.h"
#include "engine/container/core.h"
#include "engine/container/execs.h"

namespace container {

dockerapi::ContainerInspect inspect(Core& core, const Execs& execs, const std::string& reference,
                                    bool size);

struct ListQuery {
  bool all = false;
  int limit = 0;  // above zero: the newest so many, running or not
  bool size = false;
  dockerapi::Filters filters;
};
// Newest first. Error kInvalidArgument for filters, kNotFound for before/since.
std::vector<dockerapi::ContainerSummary> list(Core& core, const ListQuery& query);

// "Up 5 minutes", "Exited (0) 3 seconds ago", "Created"…
std::string statusText(const State& state, base::Time now);

}  // namespace container
