#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>

#include "platform/base/fault.h"
#include "platform/base/log.h"
#include "platform/base/scope_exit.h"
#include "platform/sys/check.h"
#include "platform/sys/file.h"
#include "platform/sys/process.h"
#include "runtime/task/errors.h"
#include "runtime/task/tasks_impl.h"

namespace task {

namespace {

constexpr char kInitPath[] = "/sbin/docker-init";  // where docker puts it, so that images find it
constexpr std::chrono::milliseconds kRemovePatience{2000};

std::pair<sys::Fd, sys::Fd> makePipe() {
  int fds[2];
  sys::check(::pipe2(fds, O_CLOEXEC), "pipe2");
  return {sys::Fd(fds[0]), sys::Fd(fds[1])};
}

// Process 1 becomes sampan-init, bound into the container read-only.
void putInit(StartRequest& request, const std::string& program) {
  auto& args = request.spec.process->args;
  args.insert(args.begin(), {kInitPath, "--"});
  oci::Mount mount;
  mount.destination = kInitPath;
  mount.type = "bind";
  mount.source = program;
  mount.options = {"bind", "ro"};
  request.spec.mounts.push_back(mount);
  request.mounts.push_back({kInitPath, sys::openAt(AT_FDCWD, program, O_PATH)});
}

}  // namespace

Pipes makePipes(const Stdio& stdio) {
  Pipes pipes;
  if (stdio.terminal) return pipes;
  if (stdio.openStdin) {
    auto [read, write] = makePipe();
    pipes.theirs[0] = std::move(read);
    pipes.ours.push_back(std::move(write));
  }
  for (int i : {1, 2}) {
    auto [read, write] = makePipe();
    pipes.theirs[i] = std::move(write);
    pipes.ours.push_back(std::move(read));
  }
  return pipes;
}

std::optional<std::string> userText(const std::string& user, const std::vector<std::string>& groups,
                                    const oci::User& numbers) {
  if (!user.empty()) return user;
  // Nobody named is root, with the groups that root has in the container.
  if (numbers.uid == 0 && numbers.gid == 0) return "0";
  if (groups.empty()) return std::nullopt;
  // Names among the groups are looked up only together with a user.
  return fmt::format("{}:{}", numbers.uid, numbers.gid);
}

std::uint32_t stdioFlags(const Stdio& stdio) {
  return (stdio.terminal ? shimwire::kTerminal : 0) | (stdio.openStdin ? shimwire::kOpenStdin : 0) |
         (stdio.stdinOnce ? shimwire::kStdinOnce : 0);
}

spec::Plan Tasks::Impl::plan(StartRequest& request, const cgroup::Group& group,
                             Pipes& pipes) const {
  if (!request.spec.process) base::fail(base::Code::kInvalidArgument, "the spec has no process");
  oci::Process& process = *request.spec.process;
  process.terminal = request.stdio.terminal;
  if (request.stdio.terminal && request.stdio.rows != 0) {
    process.consoleSize = oci::Box{.height = request.stdio.rows, .width = request.stdio.columns};
  }
  // Absent would mean the shim's own, which the kernel's OOM killer spares.
  if (!process.oomScoreAdj) process.oomScoreAdj = 0;
  if (request.init) putInit(request, options.initProgram);

  spec::ContainerInputs inputs;
  inputs.rootfs = std::move(request.rootfs);
  if (request.netns.valid()) inputs.netns = std::move(request.netns);
  for (MountSource& mount : request.mounts) {
    inputs.mounts.push_back({mount.destination, std::move(mount.source)});
  }
  inputs.cgroup = &group;
  inputs.driver = options.cgroups;
  inputs.cgroupPath = request.cgroupPath;
  inputs.host = &options.host;
  for (int i = 0; i < 3; ++i) inputs.stdio[i] = std::move(pipes.theirs[i]);
  inputs.user = userText(request.user, request.groups, process.user);
  inputs.groups = request.groups;
  return spec::buildContainer(request.spec, std::move(inputs));
}

void Tasks::Impl::sendStart(shim::Client& client, StartRequest& request, const spec::Plan& plan,
                            const cgroup::Group& group, const Pipes& pipes) const {
  auto start = shimwire::make<shimwire::Start>(0, shimwire::kQuiet);
  start.version = shimwire::kVersion;
  start.flags = stdioFlags(request.stdio);
  start.planBytes = static_cast<std::uint32_t>(plan.bytes.size());
  start.planFds = static_cast<std::uint32_t>(plan.fds.size());
  start.rows = request.stdio.rows;
  start.columns = request.stdio.columns;
  shim::setId(start.id, request.id);
  std::memcpy(start.fault, shimFault.data(), std::min(shimFault.size(), sizeof start.fault - 1));

  const sys::Fd planFile = shim::sealed("sampan-plan", plan.bytes);
  sys::Fd attributes;
  std::vector<int> fds{planFile.get()};
  for (const sys::Fd& fd : pipes.ours) fds.push_back(fd.get());
  if (request.log.enabled) {
    if (request.log.fileName.size() >= sizeof start.logName) {
      base::fail(base::Code::kInvalidArgument, "log file name is too long: {}",
                 request.log.fileName);
    }
    start.flags |= shimwire::kLog;
    start.logFiles = static_cast<std::uint32_t>(std::max(request.log.maxFiles, 1));
    start.logSize = request.log.maxSize;
    start.logGeneration = request.log.generation;
    std::memcpy(start.logName, request.log.fileName.data(), request.log.fileName.size());
    fds.push_back(request.log.directory.get());
  }
  if (group.oomEvents.valid()) {
    start.flags |= shimwire::kOomCount;
    fds.push_back(group.oomEvents.get());
  }
  if (request.log.enabled && !request.log.attributes.empty()) {
    if (request.log.attributes.size() > shimwire::kMaxAttributes) {
      base::fail(base::Code::kInvalidArgument, "log attributes are larger than 64 KiB");
    }
    start.flags |= shimwire::kAttributes;
    attributes = shim::sealed("sampan-log-attributes", request.log.attributes);
    fds.push_back(attributes.get());
  }
  sendWithPlanFds(client, start, std::move(fds), plan.numbers());
}

Preparation::Preparation(std::unique_ptr<State> state) : state_(std::move(state)) {}
Preparation::Preparation(Preparation&&) noexcept = default;
Preparation::~Preparation() = default;

Preparation::State::~State() {
  if (kept) return;
  try {
    shim();
  } catch (const std::exception& error) {
    base::log::debug("a shim that nobody waited for did not come up",
                     {{"container", entry->id}, {"error", error.what()}});
  }
  impl.undoStart(*entry, spawned, cgroupMade);
  if (counted) impl.groups.leave();
}

shim::Program::Spawned& Preparation::State::shim() {
  if (coming.valid()) spawned = coming.get();
  return spawned;
}

std::unique_ptr<Preparation::State> Tasks::Impl::prepare(const std::string& id,
                                                         const std::string& cgroupPath) {
  if (find(id)) base::fail(base::Code::kConflict, "task {} exists already", id);
  auto prepared = std::make_unique<Preparation::State>(*this);
  groups.enter();
  prepared->counted = true;
  Entry& entry = *prepared->entry;
  entry.id = id;
  entry.cgroupPath = cgroupPath;
  sys::removeTree(directory.get(), id);
  entry.directory = sys::makeDirs(directory.get(), id, 0700);
  shim::writeStatus(entry.directory.get(), cgroupPath);
  // A thread for it: whoever makes a process waits until that has executed its program.
  prepared->coming = std::async(std::launch::async, [this, id, at = entry.directory.get()] {
    return program.spawn(id, at, *groups.home());
  });
  return prepared;
}

Running Tasks::Impl::start(StartRequest request, Preparation::State& prepared) {
  const std::shared_ptr<Entry> entry = prepared.entry;
  const oci::Resources none;
  const bool limited = request.spec.linux && request.spec.linux->resources;
  const cgroup::Group group =
      options.cgroups->create(request.cgroupPath, limited ? *request.spec.linux->resources : none);
  prepared.cgroupMade = true;
  base::faultPoint("task.cgroup");
  Pipes pipes = makePipes(request.stdio);
  {
    const spec::Plan launchPlan = plan(request, group, pipes);
    prepared.shim();
    base::faultPoint("task.spawned");
    sendStart(*prepared.spawned.client, request, launchPlan, group, pipes);
  }
  shim::Program::Spawned& spawned = prepared.spawned;
  pipes = {};
  for (Attacher& attacher : request.attachers)
    attach(*entry, *spawned.client, shimwire::kTask, attacher, true);
  base::faultPoint("task.go");
  {
    const base::Lock lock(mutex);
    launching[request.id] = spawned.client;
  }
  const base::ScopeExit launched([&] {
    const base::Lock lock(mutex);
    launching.erase(request.id);
  });
  const shim::Answer answer =
      spawned.client->request(shimwire::make<shimwire::Go>(), {}, shim::kLaunchPatienceMs);
  base::faultPoint("task.started");
  if (answer.reply.failed != 0) throw startError(answer.reply);
  prepared.kept = true;

  entry->running = {answer.reply.pid, base::Time{answer.reply.timeNs}};
  // Gone already: its exit is on the way, and a signal or exec finds nobody.
  if (auto pidfd = sys::openPidfd(answer.reply.pid)) entry->pidfd = std::move(*pidfd);
  insert(entry);
  watch(entry, spawned.client);
  reapLater(std::move(spawned.process));
  return entry->running;
}

void Tasks::Impl::undoStart(Entry& entry, shim::Program::Spawned& spawned, bool cgroupMade) const {
  const auto quietly = [&](const char* step, auto&& body) {
    try {
      body();
    } catch (const base::Error& error) {
      base::log::warn("undo of a failed start",
                      {{"container", entry.id}, {"step", step}, {"error", error.message()}});
    }
  };
  if (spawned.client) {
    spawned.client->close();
    // It leaves by itself: nothing runs under it, or its answer was a refusal. One that died is
    // gone anyway.
    quietly("wait for the shim", [&] {
      if (cgroupMade) options.cgroups->killAll(entry.cgroupPath);
      sys::waitFor(spawned.process);
    });
  }
  if (cgroupMade)
    quietly("remove the cgroup",
            [&] { options.cgroups->remove(entry.cgroupPath, kRemovePatience); });
  quietly("remove the directory", [&] { sys::removeTree(directory.get(), entry.id); });
}

}  // namespace task
