#include "runtime/ociruntime/runtime.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

#include "platform/base/error.h"
#include "platform/base/scope_exit.h"
#include "platform/base/strings.h"
#include "platform/json/json.h"
#include "platform/sys/check.h"
#include "platform/sys/file.h"
#include "platform/sys/process.h"
#include "runtime/launch/launch.h"
#include "runtime/ociruntime/hooks.h"
#include "runtime/ociruntime/terminal.h"
#include "runtime/spec/defaults.h"
#include "runtime/spec/plan_builder.h"

namespace ociruntime {

using base::Code;
using base::fail;
using namespace std::chrono_literals;

namespace {

// What cgroups, kernel and LSMs are: the rest of probeHost is for an engine.
sys::HostFacts hostFacts() {
  return sys::probeHost();
}

std::string absolute(const std::string& path) {
  char* real = ::realpath(path.c_str(), nullptr);
  if (!real) base::failErrno(errno, "open", path);
  const std::string result(real);
  std::free(real);
  return result;
}

std::string cgroupPathOf(const oci::Spec& spec, const std::string& id) {
  if (!spec.linux || spec.linux->cgroupsPath.empty()) return id;
  const auto& path = spec.linux->cgroupsPath;
  if (path[0] != '/' && path.find(':') != path.npos)
    fail(Code::kNotImplemented, "cgroups made by systemd ({})", path);
  return path;
}

// What the spec says on top of "nothing", and what every container needs.
oci::Resources resourcesOf(const oci::Spec& spec) {
  oci::Resources resources =
      spec.linux && spec.linux->resources ? *spec.linux->resources : oci::Resources{};
  auto& rules = resources.devices;
  if (rules.empty() || (rules[0].type != "a" && !rules[0].type.empty())) {
    oci::DeviceCgroup nothing;
    nothing.type = "a";
    nothing.access = "rwm";
    rules.insert(rules.begin(), nothing);
  }
  const bool everything = rules.size() == 1 && rules[0].allow;
  if (everything) return resources;
  for (const auto& rule : spec::runtimeDeviceRules()) rules.push_back(rule);
  return resources;
}

const std::vector<oci::Hook>& hooksOf(const std::optional<oci::Hooks>& hooks,
                                      std::vector<oci::Hook> oci::Hooks::*kind) {
  static const std::vector<oci::Hook> none;
  return hooks ? (*hooks).*kind : none;
}

bool needsBarrier(const std::optional<oci::Hooks>& hooks) {
  return hooks && !(hooks->prestart.empty() && hooks->createRuntime.empty() &&
                    hooks->createContainer.empty());
}

sys::Fd preservedFd(int number) {
  const int fd = ::fcntl(number, F_DUPFD_CLOEXEC, 64);
  if (fd < 0)
    fail(Code::kInvalidArgument, "--preserve-fds: unable to use descriptor {}: {}", number,
         base::errnoText(errno));
  return sys::Fd(fd);
}

}  // namespace

Runtime::Runtime(const Options& options)
    : options_(options),
      host_(hostFacts()),
      cgroups_(cgroup::makeDriver(host_)),
      states_(options.root) {}

const std::string& Runtime::id() const {
  if (options_.arguments.empty())
    fail(Code::kInvalidArgument, "{}: at least 1 argument is needed: a container ID",
         options_.command);
  StateDir::checkId(options_.arguments[0]);
  return options_.arguments[0];
}

oci::State Runtime::ociState(const Record& record, Status status) const {
  oci::State state;
  state.ociVersion = record.ociVersion;
  state.id = record.id;
  state.status = statusName(status);
  state.pid = status == Status::kStopped ? 0 : record.pid;
  state.bundle = record.bundle;
  state.annotations = record.annotations;
  return state;
}

void Runtime::launchAt(Made& made, const oci::Spec& spec, bool held) {
  const auto& hooks = made.record.hooks;
  const auto group = cgroups_->create(made.record.cgroupPath, resourcesOf(spec));
  spec::ContainerInputs inputs;
  inputs.bundle = made.record.bundle;
  inputs.cgroup = &group;
  inputs.driver = cgroups_.get();
  inputs.cgroupPath = made.record.cgroupPath;
  inputs.host = &host_;
  inputs.noPivot = options_.noPivot;
  inputs.newKeyring = !options_.noNewKeyring;
  inputs.barrier = needsBarrier(hooks);
  if (!spec.process->terminal) {
    for (int i = 0; i < 3; ++i) inputs.stdio[i] = sys::Fd(::fcntl(i, F_DUPFD_CLOEXEC, 64));
  }
  for (int i = 0; i < options_.preserveFds; ++i) inputs.preserved.push_back(preservedFd(3 + i));
  if (held) inputs.hold = StateDir::makeFifo(made.dir.get());
  const spec::Plan plan = spec::buildContainer(spec, std::move(inputs));

  launch::Plan opened;
  if (const char* wrong = launch::openPlan(plan.bytes.data(), plan.bytes.size(), opened))
    fail(Code::kInternal, "{}", wrong);
  const auto fds = plan.numbers();
  launch::Child child;
  launch::Failure failure;
  const auto failed = [&](const launch::Failure& why) {
    fail(Code::kInternal, "unable to start container process: {}", why.text);
  };
  if (!launch::start(opened, fds.data(), fds.size(), child, failure)) failed(failure);
  base::ScopeExit undo([&] { launch::abandon(child); });
  for (;;) {
    const auto event = launch::next(child);
    if (event.kind == launch::EventKind::kFailed) failed(event.failure);
    if (event.kind != launch::EventKind::kBarrier) break;
    made.record.pid = child.pid;
    const auto state = ociState(made.record, Status::kCreating);
    runHooks("prestart", hooksOf(hooks, &oci::Hooks::prestart), state);
    runHooks("createRuntime", hooksOf(hooks, &oci::Hooks::createRuntime), state);
    runHooksInside("createContainer", hooksOf(hooks, &oci::Hooks::createContainer), state,
                   child.pidfd, child.pid);
    if (!launch::proceed(child))
      fail(Code::kInternal, "unable to start container process: it is gone");
  }
  undo.dismiss();
  made.record.pid = child.pid;
  made.record.startTime = sys::startTime(child.pid).value_or(0);
  made.pidfd = sys::Fd(child.pidfd);
  made.terminal = sys::Fd(child.terminal);
  if (child.sync >= 0) ::close(child.sync);
}

// Terminal, pid file and the like: what the caller waits for.
void Runtime::passOn(Made& made) {
  if (made.terminal.valid() && !options_.consoleSocket.empty()) {
    sendMaster(options_.consoleSocket, made.terminal.get());
    made.terminal.reset();
  }
  if (!options_.pidfdSocket.empty()) sendPidfd(options_.pidfdSocket, made.pidfd.get());
  if (!options_.pidFile.empty())
    sys::writeAtomic(AT_FDCWD, options_.pidFile, std::to_string(made.record.pid), 0644);
}

Runtime::Made Runtime::make(bool held) {
  const std::string& name = id();
  const std::string bundle = absolute(options_.bundle);
  const auto text = sys::readFileIfExists(AT_FDCWD, bundle + "/config.json");
  if (!text) fail(Code::kNotFound, "JSON specification file config.json not found");
  const auto spec = base::within("config.json", [&] { return json::parse<oci::Spec>(*text); });
  spec::validate(spec);
  const bool console = !options_.consoleSocket.empty();
  const bool foreground = options_.command == "run" && !options_.detach;
  if (spec.process->terminal && !console && !foreground) {
    fail(Code::kInvalidArgument,
         "cannot allocate tty if runc will detach without setting console socket");
  }
  if (!spec.process->terminal && console) {
    fail(Code::kInvalidArgument,
         "cannot use console socket if runc will not detach or allocate tty");
  }
  Made made;
  made.dir = states_.create(name);
  base::ScopeExit undo([&] { destroy(made.record); });
  auto& record = made.record;
  record.id = name;
  record.ociVersion = spec.ociVersion;
  record.bundle = bundle;
  record.rootfs =
      spec.root->path.starts_with('/') ? spec.root->path : bundle + "/" + spec.root->path;
  record.cgroupPath = cgroupPathOf(spec, record.id);
  record.created = base::Time::now();
  record.annotations = spec.annotations;
  record.hooks = spec.hooks;
  launchAt(made, spec, held);
  base::ScopeExit kill([&] {
    sys::signalPidfd(made.pidfd.get(), SIGKILL);
    ::waitpid(record.pid, nullptr, 0);
  });
  StateDir::save(made.dir.get(), record);
  passOn(made);
  kill.dismiss();
  undo.dismiss();
  return made;
}

void Runtime::create() {
  make(true);
}

void Runtime::start() {
  const sys::Fd dir = states_.open(id());
  const Record record = StateDir::load(dir.get());
  const Status now = status(record, dir.get());
  if (now == Status::kStopped) fail(Code::kConflict, "cannot start a container that has stopped");
  if (now != Status::kCreated) fail(Code::kConflict, "cannot start an already running container");
  const auto pidfd = sys::openPidfd(record.pid);
  if (!pidfd) fail(Code::kConflict, "cannot start a container that has stopped");
  const auto& hooks = record.hooks;
  runHooksInside("startContainer", hooksOf(hooks, &oci::Hooks::startContainer),
                 ociState(record, Status::kCreated), pidfd->get(), record.pid);
  if (!StateDir::release(dir.get()))
    fail(Code::kConflict, "cannot start an already running container");
  runHooks("poststart", hooksOf(hooks, &oci::Hooks::poststart), ociState(record, Status::kRunning));
}

int Runtime::run() {
  Made made = make(false);
  const auto& hooks = made.record.hooks;
  runHooks("poststart", hooksOf(hooks, &oci::Hooks::poststart),
           ociState(made.record, Status::kRunning));
  if (options_.detach) return 0;
  const int code = standBy(made.record.pid, made.pidfd.get(), made.terminal);
  if (!options_.keep) destroy(made.record);
  return code;
}

Status Runtime::status(const Record& record, int dir) {
  const Status own = statusOf(record, dir);
  return own == Status::kRunning && cgroups_->frozen(record.cgroupPath) ? Status::kPaused : own;
}

std::string Runtime::state() {
  const sys::Fd dir = states_.open(id());
  const Record record = StateDir::load(dir.get());
  const Status now = status(record, dir.get());
  oci::RuncState state;
  state.ociVersion = record.ociVersion;
  state.id = record.id;
  state.pid = now == Status::kStopped ? 0 : record.pid;
  state.status = statusName(now);
  state.bundle = record.bundle;
  state.rootfs = record.rootfs;
  state.created = record.created;
  state.annotations = record.annotations;
  json::WriteOptions pretty;
  pretty.indent = 2;
  return json::write(state, pretty);
}

namespace {

int signalNumber(const std::string& text) {
  if (const auto number = base::parseInt(text)) {
    if (*number > 0 && *number <= 64) return static_cast<int>(*number);
    fail(Code::kInvalidArgument, "unknown signal {}", base::quote(text));
  }
  std::string name = text;
  for (char& c : name) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  if (name.starts_with("SIG")) name = name.substr(3);
  for (int number = 1; number < 32; ++number) {
    const char* known = ::sigabbrev_np(number);
    if (known && name == known) return number;
  }
  if (name.starts_with("RTMIN+")) {
    const auto offset = base::parseUint(name.substr(6));
    if (offset && *offset <= 30) return 34 + static_cast<int>(*offset);
  }
  fail(Code::kInvalidArgument, "unknown signal {}", base::quote(text));
}

}  // namespace

void Runtime::kill() {
  const sys::Fd dir = states_.open(id());
  const Record record = StateDir::load(dir.get());
  const int signal =
      signalNumber(options_.arguments.size() > 1 ? options_.arguments[1] : "SIGTERM");
  if (options_.all) {
    if (signal == SIGKILL) return cgroups_->killAll(record.cgroupPath);
    for (const int pid : cgroups_->processes(record.cgroupPath)) ::kill(pid, signal);
    return;
  }
  const auto pidfd =
      statusOf(record, dir.get()) == Status::kStopped ? std::nullopt : sys::openPidfd(record.pid);
  // Looked at again behind the pidfd: the number may be another process by then.
  if (!pidfd || statusOf(record, dir.get()) == Status::kStopped ||
      !sys::signalPidfd(pidfd->get(), signal)) {
    fail(Code::kConflict, "container not running");
  }
  // A frozen process dies only when it is thawed.
  if (signal == SIGKILL && cgroups_->frozen(record.cgroupPath)) cgroups_->thaw(record.cgroupPath);
}

void Runtime::destroy(const Record& record) {
  if (!record.cgroupPath.empty()) {
    cgroups_->killAll(record.cgroupPath);
    cgroups_->remove(record.cgroupPath, 10s);
  }
  states_.remove(options_.arguments[0]);
  runHooks("poststop", hooksOf(record.hooks, &oci::Hooks::poststop),
           ociState(record, Status::kStopped));
}

void Runtime::remove() {
  std::optional<Record> record;
  try {
    const sys::Fd dir = states_.open(id());
    record = StateDir::load(dir.get());
    const Status now = status(*record, dir.get());
    if (now != Status::kStopped && !options_.force) {
      fail(Code::kConflict, "cannot delete container {} that is not stopped: {}", record->id,
           statusName(now));
    }
  } catch (const base::Error& error) {
    if (error.code() != Code::kNotFound || !options_.force) throw;
  }
  if (!record) {
    // Left by a create that was killed: there is nothing but the directory.
    states_.remove(id());
    return;
  }
  if (const auto pidfd = sys::openPidfd(record->pid);
      pidfd && sys::startTime(record->pid) == record->startTime) {
    sys::signalPidfd(pidfd->get(), SIGKILL);
  }
  destroy(*record);
}

}  // namespace ociruntime
