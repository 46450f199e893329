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

// Bytes of the writable layer; -1, as Docker says it, when they cannot be told: it must not keep
// anybody from hearing of the other containers.
std::int64_t writableBytes(const Core& core, const std::string& id);

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
