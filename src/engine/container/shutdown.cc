#include "engine/container/shutdown.h"

#include <thread>

#include "engine/container/validate.h"
#include "platform/base/error.h"
#include "platform/base/log.h"

namespace container {
namespace {

constexpr std::chrono::milliseconds kLook{50};

// An error of one container must not keep the others from their end.
template <class Body>
void quietly(const std::string& id, Body&& body) {
  try {
    body();
  } catch (const base::Error& error) {
    base::log::warn("container was not ended with the host",
                    {{"container", id}, {"error", error.message()}});
  }
}

bool empty(Core& core, const std::string& id) {
  try {
    return core.tasks.processes(id).empty();
  } catch (const base::Error&) {
    return true;  // no task any more
  }
}

}  // namespace

void endAll(Core& core, std::chrono::milliseconds patience) {
  std::vector<std::string> left;
  for (const View& view : core.records.all()) {
    if (!view->running()) continue;
    left.push_back(view->id);
    quietly(view->id, [&] {
      if (view->state.status == Status::kPaused) core.tasks.resume(view->id);
      core.tasks.signal(
          view->id,
          parseSignal(view->config.stopSignal.empty() ? "SIGTERM" : view->config.stopSignal));
    });
  }
  const auto end = std::chrono::steady_clock::now() + patience;
  for (;;) {
    std::erase_if(left, [&](const std::string& id) { return empty(core, id); });
    if (left.empty() || std::chrono::steady_clock::now() > end) break;
    std::this_thread::sleep_for(kLook);
  }
  for (const std::string& id : left) quietly(id, [&] { core.tasks.killAll(id); });
}

}  // namespace container
