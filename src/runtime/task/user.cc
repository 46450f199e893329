#include <fcntl.h>
#include <poll.h>

#include "runtime/launch/accounts.h"
#include "runtime/sandbox/sandbox.h"
#include "runtime/task/errors.h"
#include "runtime/task/tasks_impl.h"

namespace task {
namespace {

bool alive(const sys::Fd& pidfd) {
  pollfd ended{pidfd.get(), POLLIN, 0};
  return pidfd.valid() && ::poll(&ended, 1, 0) == 0;
}

}  // namespace

void Tasks::checkUser(const std::string& id, const std::string& user) const {
  const auto entry = impl_->find(id);
  sys::Fd root;
  try {
    if (entry && alive(entry->pidfd)) root = sandbox::rootOf(entry->running.pid);
  } catch (const base::Error& error) {
    if (error.code() != base::Code::kNotFound) throw;
  }
  // Alive still, so the number was its own.
  if (!root.valid() || !alive(entry->pidfd))
    base::fail(base::Code::kConflict, "container {} is not running", id);
  launch::Account account;
  launch::Failure failure;
  if (!launch::resolveAccount(root.get(), user.c_str(), account, failure))
    base::fail(base::Code::kInvalidArgument, "{}", printable(failure.text));
}

}  // namespace task
