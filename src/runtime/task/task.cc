#include "runtime/task/task.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>

#include "platform/base/strings.h"
#include "platform/sys/file.h"
#include "runtime/task/tasks_impl.h"

namespace task {

namespace {

constexpr std::chrono::seconds kLaunchMoment(1);

// The entry of SAMPAN_FAULT that is meant for the shim, which does not see our environment.
std::string faultOfShim() {
#if SAMPAN_FAULTS
  const char* text =
      ::secure_getenv("SAMPAN_FAULT");  // NOLINT(concurrency-mt-unsafe): before threads
  if (text != nullptr) {
    for (const std::string& one : base::split(text, ',')) {
      if (one.starts_with("shim.")) return one;
    }
  }
#endif
  return {};
}

[[noreturn]] void failNotRunning(const std::string& id) {
  base::fail(base::Code::kConflict, "container {} is not running", id);
}

}  // namespace

std::shared_ptr<shim::Client> Entry::talk() {
  const base::Lock lock(mutex);
  if (ended || !client) failNotRunning(id);
  return client;
}

std::uint32_t Entry::targetOf(const std::string& exec) {
  if (exec.empty()) return shimwire::kTask;
  const base::Lock lock(mutex);
  for (const auto& [target, one] : execs) {
    if (one.id == exec) return target;
  }
  base::fail(base::Code::kNotFound, "No such exec instance: {}", exec);
}

Tasks::Impl::Impl(Options given)
    : options(std::move(given)),
      directory(sys::makeDirs(options.execRoot.get(), "task", 0700)),
      program(options.shimProgram),
      shimFault(faultOfShim()),
      groups(*options.cgroups, loop, options.shimCgroup, options.cgroupParent),
      watcher([this] { loop.run(); }) {}

Tasks::Impl::~Impl() {
  loop.stop();
  watcher.join();
  // A client's handlers hold its entry, and the entry its client.
  const base::Lock lock(mutex);
  for (auto& [id, entry] : entries) {
    const base::Lock inner(entry->mutex);
    entry->client = nullptr;
  }
}

std::shared_ptr<Entry> Tasks::Impl::find(const std::string& id) const {
  const base::Lock lock(mutex);
  const auto at = entries.find(id);
  return at == entries.end() ? nullptr : at->second;
}

std::shared_ptr<Entry> Tasks::Impl::get(const std::string& id) const {
  auto entry = find(id);
  if (!entry) failNotRunning(id);
  return entry;
}

void Tasks::Impl::insert(const std::shared_ptr<Entry>& entry) {
  const base::Lock lock(mutex);
  entries[entry->id] = entry;
}

Tasks::Tasks(Options options) : impl_(std::make_unique<Impl>(std::move(options))) {}
Tasks::~Tasks() = default;

void Tasks::onExit(std::function<void(const Exit&)> callback) {
  std::vector<Exit> early;
  {
    const base::Lock lock(impl_->mutex);
    impl_->onExit = callback;
    early.swap(impl_->early);
  }
  for (const Exit& exit : early) callback(exit);
}

std::vector<Recovered> Tasks::recover() {
  return impl_->recover();
}
Preparation Tasks::prepare(const std::string& id, const std::string& cgroupPath) {
  return Preparation(impl_->prepare(id, cgroupPath));
}
Running Tasks::start(StartRequest request, Preparation preparation) {
  return impl_->start(std::move(request), *preparation.state_);
}
Running Tasks::start(StartRequest request) {
  Preparation preparation = prepare(request.id, request.cgroupPath);
  return start(std::move(request), std::move(preparation));
}
Running Tasks::exec(ExecRequest request, const std::function<void()>& begun) {
  return impl_->exec(std::move(request), begun);
}
void Tasks::forget(const std::string& id) {
  impl_->forget(id);
}

namespace {

bool signalTarget(Entry& entry, std::uint32_t target, int signal) {
  auto message = shimwire::make<shimwire::Signal>();
  message.target = target;
  message.signal = signal;
  try {
    const shim::Answer answer = entry.talk()->request(message);
    if (answer.reply.error == ESRCH) return false;
    if (answer.reply.failed != 0) base::failErrno(answer.reply.error, "kill", entry.id);
    return true;
  } catch (const base::Error& error) {
    if (error.code() == base::Code::kUnavailable || error.code() == base::Code::kConflict)
      return false;
    throw;
  }
}

}  // namespace

bool Tasks::signal(const std::string& id, int signal) {
  const auto entry = impl_->find(id);
  return entry && signalTarget(*entry, shimwire::kTask, signal);
}

bool Tasks::signalExec(const std::string& id, const std::string& exec, int signal) {
  const auto entry = impl_->find(id);
  if (!entry) return false;
  try {
    return signalTarget(*entry, entry->targetOf(exec), signal);
  } catch (const base::Error& error) {
    if (error.code() == base::Code::kNotFound) return false;
    throw;
  }
}

void Tasks::endLaunch(const std::string& id) {
  std::shared_ptr<shim::Client> client;
  {
    const base::Lock lock(impl_->mutex);
    const auto found = impl_->launching.find(id);
    if (found == impl_->launching.end()) return;
    client = found->second;
  }
  auto message = shimwire::make<shimwire::Signal>(0, shimwire::kQuiet);
  message.target = shimwire::kTask;
  message.signal = SIGKILL;
  try {
    client->send(message);
  } catch (const base::Error&) {
    // The shim has gone, and the launch with it.
  }
}

void Tasks::killAll(const std::string& id) {
  const auto entry = impl_->find(id);
  if (entry && !entry->cgroupPath.empty()) impl_->options.cgroups->killAll(entry->cgroupPath);
}

void Tasks::pause(const std::string& id) {
  const auto entry = impl_->get(id);
  {
    const auto until = std::chrono::steady_clock::now() + kLaunchMoment;
    const base::Lock lock(entry->mutex);
    while (entry->launching > 0 && entry->launched.waitUntil(entry->mutex, until)) {
    }
  }
  impl_->options.cgroups->freeze(entry->cgroupPath);
}
void Tasks::resume(const std::string& id) {
  impl_->options.cgroups->thaw(impl_->get(id)->cgroupPath);
}

std::vector<int> Tasks::processes(const std::string& id) const {
  return impl_->options.cgroups->processes(impl_->get(id)->cgroupPath);
}

void Tasks::resize(const std::string& id, const std::string& exec, std::uint16_t rows,
                   std::uint16_t columns) {
  const auto entry = impl_->get(id);
  auto message = shimwire::make<shimwire::Resize>();
  message.target = entry->targetOf(exec);
  message.rows = rows;
  message.columns = columns;
  const shim::Answer answer = entry->talk()->request(message);
  if (answer.reply.error == ESRCH) failNotRunning(id);
  // Without a terminal there is no size, and docker says nothing.
  if (answer.reply.failed != 0 && answer.reply.error != ENOTTY) {
    base::failErrno(answer.reply.error, "resize", id);
  }
}

void Tasks::attach(const std::string& id, Attacher attacher) {
  const auto entry = impl_->get(id);
  impl_->attach(*entry, *entry->talk(), shimwire::kTask, attacher, false);
}

void Tasks::closeStdin(const std::string& id) {
  const auto entry = impl_->get(id);
  entry->talk()->request(shimwire::make<shimwire::CloseStdin>());
}

std::optional<LogPosition> Tasks::logPosition(const std::string& id) const {
  const auto entry = impl_->find(id);
  if (!entry) return std::nullopt;
  // A page is copied by one read; only a shim that was interrupted between its two stores makes it
  // odd for long.
  for (int attempt = 0; attempt < 100; ++attempt) {
    const auto page = shim::readStatus(entry->directory.get());
    if (!page || page->pid == 0) return std::nullopt;
    if (page->logSequence % 2 != 0) continue;
    return LogPosition{page->logGeneration, page->logOffset, page->logInode, page->logDropped};
  }
  base::fail(base::Code::kUnavailable, "the log position of {} changes too quickly", id);
}

void Tasks::keep(const std::string& id, std::uint32_t key, const std::vector<int>& fds) {
  const auto entry = impl_->get(id);
  auto message = shimwire::make<shimwire::Store>();
  message.key = key;
  const shim::Answer answer = entry->talk()->request(message, fds);
  if (answer.reply.failed != 0) base::failErrno(answer.reply.error, "keep descriptors", id);
}

std::vector<sys::Fd> Tasks::kept(const std::string& id, std::uint32_t key) const {
  const auto entry = impl_->get(id);
  auto message = shimwire::make<shimwire::Take>();
  message.key = key;
  shim::Answer answer = entry->talk()->request(message);
  if (answer.reply.failed != 0 && answer.reply.error != ENOENT) {
    base::failErrno(answer.reply.error, "take descriptors", id);
  }
  return std::move(answer.fds);
}

}  // namespace task
