#include "runtime/ociruntime/state.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "platform/base/error.h"
#include "platform/base/strings.h"
#include "platform/json/json.h"
#include "platform/sys/check.h"
#include "platform/sys/file.h"
#include "platform/sys/process.h"

namespace ociruntime {

using base::Code;
using base::fail;

constexpr auto jsonFields(const Record*) {
  return json::fields(
      json::field("version", &Record::version), json::field("id", &Record::id),
      json::field("ociVersion", &Record::ociVersion), json::field("pid", &Record::pid),
      json::field("startTime", &Record::startTime), json::field("bundle", &Record::bundle),
      json::field("rootfs", &Record::rootfs), json::field("cgroupPath", &Record::cgroupPath),
      json::field("created", &Record::created),
      json::field("annotations", &Record::annotations, json::kOmitEmpty),
      json::field("hooks", &Record::hooks, json::kOmitEmpty));
}

const char* statusName(Status status) {
  switch (status) {
    case Status::kCreating:
      return "creating";
    case Status::kCreated:
      return "created";
    case Status::kRunning:
      return "running";
    case Status::kPaused:
      return "paused";
    case Status::kStopped:
      return "stopped";
  }
  return "unknown";
}

StateDir::StateDir(const std::string& root) : root_(sys::makeDirs(AT_FDCWD, root, 0700)) {}

void StateDir::checkId(const std::string& id) {
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '+' || c == '-' || c == '.';
  };
  bool good = !id.empty() && id != "." && id != ".." && id.size() <= 1024;
  for (const char c : id) good = good && allowed(c);
  if (!good) fail(Code::kInvalidArgument, "invalid container ID format");
}

sys::Fd StateDir::create(const std::string& id) {
  if (::mkdirat(root_.get(), id.c_str(), 0711) < 0) {
    if (errno == EEXIST) fail(Code::kConflict, "container with given ID already exists");
    base::failErrno(errno, "mkdir", id);
  }
  return open(id);
}

sys::Fd StateDir::open(const std::string& id) const {
  auto dir = sys::openAtIfExists(root_.get(), id, O_RDONLY | O_DIRECTORY);
  if (!dir) fail(Code::kNotFound, "container does not exist");
  return std::move(*dir);
}

void StateDir::remove(const std::string& id) {
  sys::removeTree(root_.get(), id);
}

void StateDir::save(int dir, const Record& record) {
  sys::writeAtomic(dir, "state.json", json::write(record), 0600);
}

Record StateDir::load(int dir) {
  const auto text = sys::readFileIfExists(dir, "state.json");
  if (!text) fail(Code::kNotFound, "container does not exist");
  const auto record = json::parse<Record>(*text);
  if (record.version > 1)
    fail(Code::kNotImplemented, "the container's state is of a newer version ({})", record.version);
  return record;
}

sys::Fd StateDir::makeFifo(int dir) {
  sys::check(::mkfifoat(dir, "exec.fifo", 0600), "mkfifo", "exec.fifo");
  // Both ends: the container then never sees an end of file, and start finds a reader as long as it
  // lives.
  return sys::openAt(dir, "exec.fifo", O_RDWR);
}

bool StateDir::waits(int dir) {
  return sys::statAtIfExists(dir, "exec.fifo").has_value();
}

bool StateDir::release(int dir) {
  const sys::Fd fifo(::openat(dir, "exec.fifo", O_WRONLY | O_NONBLOCK | O_CLOEXEC));
  if (!fifo.valid()) {
    if (errno == ENOENT || errno == ENXIO) return false;
    base::failErrno(errno, "open", "exec.fifo");
  }
  // Of two starts at once one takes the file away, and that one writes.
  if (::unlinkat(dir, "exec.fifo", 0) < 0) return false;
  return sys::retry([&] { return ::write(fifo.get(), "1", 1); }) == 1;
}

namespace {

bool zombie(int pid) {
  const auto stat = sys::readFileIfExists(AT_FDCWD, "/proc/" + std::to_string(pid) + "/stat");
  const auto end = stat ? stat->rfind(')') : std::string::npos;
  return !stat || end == std::string::npos || end + 2 >= stat->size() || (*stat)[end + 2] == 'Z' ||
         (*stat)[end + 2] == 'X';
}

}  // namespace

Status statusOf(const Record& record, int dir) {
  if (record.pid == 0) return Status::kStopped;
  const auto started = sys::startTime(record.pid);
  if (!started || *started != record.startTime || zombie(record.pid)) return Status::kStopped;
  return StateDir::waits(dir) ? Status::kCreated : Status::kRunning;
}

}  // namespace ociruntime
