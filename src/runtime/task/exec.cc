#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "platform/base/fault.h"
#include "platform/base/scope_exit.h"
#include "platform/sys/check.h"
#include "runtime/task/errors.h"
#include "runtime/task/tasks_impl.h"

namespace task {

void Tasks::Impl::attach(Entry& entry, shim::Client& client, std::uint32_t target,
                         Attacher& attacher, bool quiet) {
  auto message = shimwire::make<shimwire::Attach>(0, quiet ? shimwire::kQuiet : 0);
  message.target = target;
  message.flags =
      (attacher.in ? shimwire::kAttachIn : 0) | (attacher.out ? shimwire::kAttachOut : 0) |
      (attacher.err ? shimwire::kAttachErr : 0) | (attacher.framed ? shimwire::kAttachFramed : 0);
  if (attacher.detachKeys.size() > sizeof message.keys) {
    base::fail(base::Code::kInvalidArgument, "detach keys are longer than {} bytes",
               sizeof message.keys);
  }
  message.keyCount = static_cast<std::uint32_t>(attacher.detachKeys.size());
  std::memcpy(message.keys, attacher.detachKeys.data(), attacher.detachKeys.size());
  std::vector<int> fds{attacher.socket.get()};
  sys::Fd unread;
  if (attacher.in && !attacher.unread.empty()) {
    unread = shim::sealed("sampan-stdin", attacher.unread);
    sys::check(::lseek(unread.get(), 0, SEEK_SET), "lseek", "memfd");
    message.flags |= shimwire::kAttachUnread;
    fds.push_back(unread.get());
  }
  {
    const base::Lock lock(entry.mutex);
    message.number = entry.nextAttacher++;
    if (attacher.onDetach) entry.detachers[message.number] = std::move(attacher.onDetach);
  }
  const auto forgetAttacher = [&] {
    const base::Lock lock(entry.mutex);
    entry.detachers.erase(message.number);
  };
  base::ScopeExit undo(forgetAttacher);
  if (quiet) {
    client.send(message, fds);
  } else {
    const shim::Answer answer = client.request(message, fds);
    if (answer.reply.error == ENOSPC) {
      base::fail(base::Code::kConflict, "container {} has {} clients attached already", entry.id,
                 shimwire::kMaxAttachers);
    }
    if (answer.reply.failed != 0)
      base::fail(base::Code::kConflict, "container {} is not running", entry.id);
  }
  undo.dismiss();
  attacher.socket.reset();
}

namespace {

// What cannot become a plan is refused in dockerd's words for what its runtime does not take.
spec::Plan planOf(const oci::Process& process, spec::ExecInputs inputs) {
  try {
    return spec::buildExec(process, std::move(inputs));
  } catch (const base::Error& error) {
    throw StartError(error.code(), "OCI runtime exec failed: exec failed: " + error.message(),
                     error.sysErrno(), 128);
  }
}

}  // namespace

shim::Answer Tasks::Impl::sendExec(Entry& entry, shim::Client& client, std::uint32_t target,
                                   ExecRequest& request, const std::function<void()>& begun) {
  oci::Process& process = request.process;
  process.terminal = request.stdio.terminal;
  if (request.stdio.terminal && request.stdio.rows != 0) {
    process.consoleSize = oci::Box{.height = request.stdio.rows, .width = request.stdio.columns};
  }
  if (!process.oomScoreAdj) process.oomScoreAdj = 0;
  request.stdio.stdinOnce = true;

  Pipes pipes = makePipes(request.stdio);
  const cgroup::Group group = options.cgroups->open(entry.cgroupPath);
  spec::ExecInputs inputs;
  inputs.target = entry.pidfd.dup();
  inputs.targetPid = entry.running.pid;
  inputs.cgroup = &group;
  for (int i = 0; i < 3; ++i) inputs.stdio[i] = std::move(pipes.theirs[i]);
  inputs.user = userText(request.user, request.groups, process.user);
  inputs.groups = request.groups;
  inputs.seccomp = request.seccomp;
  inputs.host = &options.host;
  const spec::Plan plan = planOf(process, std::move(inputs));

  auto message = shimwire::make<shimwire::Exec>(client.nextSequence());
  message.target = target;
  message.flags = stdioFlags(request.stdio);
  message.planBytes = static_cast<std::uint32_t>(plan.bytes.size());
  message.planFds = static_cast<std::uint32_t>(plan.fds.size());
  message.rows = request.stdio.rows;
  message.columns = request.stdio.columns;
  shim::setId(message.id, request.exec);
  const sys::Fd planFile = shim::sealed("sampan-plan", plan.bytes);
  std::vector<int> fds{planFile.get()};
  for (const sys::Fd& fd : pipes.ours) fds.push_back(fd.get());

  const shim::Client::Waiting prepared(client, message.header.sequence);
  auto go = shimwire::make<shimwire::Go>(client.nextSequence());
  go.target = target;
  const shim::Client::Waiting gone(client, go.header.sequence);
  {
    const base::Lock lock(entry.prepareMutex);
    sendWithPlanFds(client, message, std::move(fds), plan.numbers());
    for (Attacher& attacher : request.attachers) attach(entry, client, target, attacher, true);
    client.send(go);
  }
  pipes = {};
  base::faultPoint("task.exec");
  if (begun) begun();
  // Why there was nothing that could go says the answer to Exec.
  shim::Answer first = client.await(message.header.sequence);
  shim::Answer last = client.await(go.header.sequence, shim::kLaunchPatienceMs);
  return first.reply.failed != 0 ? std::move(first) : std::move(last);
}

Running Tasks::Impl::exec(ExecRequest request, const std::function<void()>& begun) {
  const auto entry = get(request.id);
  const auto client = entry->talk();
  if (!entry->pidfd.valid())
    base::fail(base::Code::kConflict, "container {} is not running", request.id);
  std::uint32_t target;
  {
    const base::Lock lock(entry->mutex);
    target = entry->nextTarget++;
    entry->execs[target] = {request.exec, 0};
  }
  const auto forgetExec = [&] {
    const base::Lock lock(entry->mutex);
    entry->execs.erase(target);
  };
  base::ScopeExit undo(forgetExec);
  const Entry::Launch launching(*entry);
  const shim::Answer answer = sendExec(*entry, *client, target, request, begun);
  if (answer.reply.step == 0 && answer.reply.error == ENOSPC) {
    base::fail(base::Code::kConflict, "container {} runs {} execs already", request.id,
               shimwire::kMaxExecs);
  }
  if (answer.reply.step == 0 && answer.reply.error == ESRCH) {
    base::fail(base::Code::kConflict, "container {} is not running", request.id);
  }
  if (answer.reply.failed != 0) throw execError(answer.reply);
  undo.dismiss();
  const base::Lock lock(entry->mutex);
  const auto at = entry->execs.find(target);
  if (at != entry->execs.end()) at->second.pid = answer.reply.pid;
  return {answer.reply.pid, base::Time{answer.reply.timeNs}};
}

}  // namespace task
