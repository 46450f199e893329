#include <sys/epoll.h>

#include "network/networks/impl.h"
#include "platform/base/error.h"
#include "platform/base/fault.h"
#include "platform/base/log.h"
#include "platform/base/time.h"

namespace networks {
namespace {

// Long enough for the kernel to remove a cable together with its namespace, which is cheaper: many
// at once.
constexpr std::int64_t kPatience = 150'000'000;

}  // namespace

void Networks::Impl::startReaper() {
  watcher = std::make_unique<netlink::Route::Watcher>();
  loop.watch(wall.noticeFd(), EPOLLIN, [this](std::uint32_t) { wall.heal(); });
  loop.watch(watcher->fd(), EPOLLIN, [this](std::uint32_t) {
    watcher->drain([this](const std::string& name) { dying.erase(name); });
  });
  reaper = std::thread([this] { loop.run(); });
}

void Networks::Impl::later(std::function<void()> work) {
  loop.post(std::move(work));
}

void Networks::Impl::reap(std::vector<std::string> links) {
  if (links.empty()) return;
  loop.post([this, links = std::move(links)] { reapNow(links); });
}

// A cable out of use is silenced at once, so that its address can be used again, and removed by
// force only when its namespace does not take it along.
void Networks::Impl::reapNow(const std::vector<std::string>& links) {
  base::faultPoint("network.reap");
  netlink::Route route;
  const std::int64_t due = base::monotonicNs() + kPatience;
  for (const std::string& link : links) {
    if (route.silence(link)) dying[link] = due;
    base::Lock lock(mutex);
    std::erase_if(draining, [&](const auto& entry) { return entry.second == link; });
  }
  loop.at(due, [this] {
    const std::int64_t now = base::monotonicNs();
    std::vector<std::string> left;
    std::erase_if(dying, [&](const auto& entry) {
      if (entry.second > now) return false;
      left.push_back(entry.first);
      return true;
    });
    netlink::Route route;
    for (const std::string& link : left) route.removeLink(link);
  });
}

}  // namespace networks
