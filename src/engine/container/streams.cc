#include "engine/container/streams.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>

#include "platform/base/error.h"
#include "platform/base/fault.h"
#include "platform/base/strings.h"
#include "platform/base/time.h"
#include "platform/sys/file.h"

namespace container {
namespace {

using base::Code;

constexpr std::int64_t kMillisecond = 1'000'000;
constexpr int kClientPatienceMs = 30'000;
constexpr std::string_view kDefaultDetach("\x10\x11", 2);  // ctrl-p, ctrl-q

std::array<char, 8> frameHead(int stream, size_t length) {
  const auto n = static_cast<std::uint32_t>(length);
  return {static_cast<char>(stream),
          0,
          0,
          0,
          static_cast<char>(n >> 24),
          static_cast<char>(n >> 16),
          static_cast<char>(n >> 8),
          static_cast<char>(n)};
}

// Ends what we say and reads what the client still sends, for a second at most: closed with unread
// bytes, a socket takes back what was written to it.
void hangUp(int socket) {
  ::shutdown(socket, SHUT_WR);
  char discarded[4096];
  const std::int64_t until = base::monotonicNs() + 1000 * kMillisecond;
  pollfd waits{socket, POLLIN, 0};
  for (;;) {
    const std::int64_t left = (until - base::monotonicNs()) / kMillisecond;
    if (left <= 0 || ::poll(&waits, 1, static_cast<int>(left)) <= 0) return;
    if (::recv(socket, discarded, sizeof discarded, MSG_DONTWAIT) <= 0) return;
  }
}

// What fits of `bytes` goes out now. False: the client has gone.
bool sendNow(int socket, std::string_view& bytes) {
  while (!bytes.empty()) {
    const ssize_t put = ::send(socket, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return errno == EAGAIN;
    bytes.remove_prefix(static_cast<size_t>(put));
  }
  return true;
}

// Error kCancelled: the client took nothing for kClientPatience, or has gone, or `stop` fired.
void sendPatiently(int socket, std::string_view bytes, const base::StopToken& stop) {
  pollfd waits[2] = {{socket, POLLOUT, 0}, {stop.fd(), POLLIN, 0}};
  for (;;) {
    if (!sendNow(socket, bytes)) base::fail(Code::kCancelled, "client went away");
    if (bytes.empty()) return;
    const int ready = ::poll(waits, 2, kClientPatienceMs);
    if (ready < 0 && errno == EINTR) continue;
    if (ready <= 0) base::fail(Code::kCancelled, "the attached client does not read");
    stop.throwIfStopped();
  }
}

void requireAttachable(const Record& record) {
  if (record.state.status == Status::kPaused) {
    base::fail(Code::kConflict, "container {} is paused, unpause the container before attach",
               record.id);
  }
  if (record.state.status == Status::kRestarting) {
    base::fail(Code::kConflict, "container {} is restarting, wait until the container is running",
               record.id);
  }
}

// Stops when the container's present run ends: what a follower of its log waits for.
class EndOfRun {
 public:
  EndOfRun(Core& core, const View& view) : core_(core), id_(view->id) {
    if (!view->running()) {
      source_.stop();
      return;
    }
    registration_ = core_.exits.add(id_, WaitFor::kNextExit,
                                    [source = source_](const WaitResult&) { source.stop(); });
    // It may have ended between the view and the registration.
    const View now = core_.records.find(id_);
    if (!now || !now->running()) source_.stop();
  }
  ~EndOfRun() {
    if (registration_ != 0) core_.exits.cancel(id_, registration_);
  }
  EndOfRun(const EndOfRun&) = delete;
  EndOfRun& operator=(const EndOfRun&) = delete;
  base::StopToken token() const { return source_.token(); }

 private:
  Core& core_;
  const std::string id_;
  base::StopSource source_;
  std::uint64_t registration_ = 0;
};

}  // namespace

std::string parseDetachKeys(const std::optional<std::string>& text) {
  if (!text || text->empty()) return std::string(kDefaultDetach);
  std::string keys;
  for (const std::string& key : base::split(*text, ',')) {
    if (key.size() == 1) {
      keys += key;
      continue;
    }
    const bool control = key.size() == 6 && key.starts_with("ctrl-");
    const char c = control ? key[5] : '\0';
    if (control && c >= 'a' && c <= 'z') {
      keys += static_cast<char>(c - 'a' + 1);
    } else if (control && std::string_view("@[\\]^_").find(c) != std::string_view::npos) {
      keys += static_cast<char>(c == '@' ? 0 : c - 'A' + 1);
    } else {
      base::fail(Code::kInvalidArgument, "Invalid detach keys ({}) provided", *text);
    }
  }
  return keys;
}

void Streams::attach(const std::string& reference, const AttachWish& wish,
                     const std::function<Connection(bool tty)>& hijack) {
  const std::string keys = parseDetachKeys(wish.detachKeys);
  const View first = core_.records.get(reference);
  requireAttachable(*first);
  const bool tty = first->config.tty;
  const std::string id = first->id;
  // In the strand: either the start under way takes the client along, or it is over and the task is
  // there. Before the client hears that it is attached: a start that it sends then must find it, or
  // a short run would be over unheard. What sends logs first may take long, and waits for its turn
  // behind them.
  std::optional<Strands::Turn> turn;
  if (!wish.logs) turn.emplace(core_.strands.enter(id));
  Connection connection = hijack(tty);
  if (wish.logs) replayLogs(*first, wish, connection);
  if (!wish.stream) return;
  task::Attacher attacher;
  attacher.socket = std::move(connection.socket);
  attacher.unread = std::move(connection.unread);
  attacher.in = wish.in && first->config.openStdin;
  attacher.out = wish.out;
  attacher.err = wish.err;
  attacher.framed = !tty;
  if (tty && attacher.in) attacher.detachKeys = keys;
  attacher.onDetach = [this, id](bool byKeys) {
    if (!byKeys) return;
    if (const View view = core_.records.find(id))
      core_.events.publish(containerEvent(*view, "detach"));
  };
  if (!turn) turn.emplace(core_.strands.enter(id));
  const View view = core_.records.find(id);
  if (!view) return;  // removed meanwhile: the connection closes
  core_.events.publish(containerEvent(*view, "attach"));
  if (view->running()) {
    core_.tasks.attach(id, std::move(attacher));
  } else {
    attachers_.add(id, std::move(attacher));
    base::faultPoint("attach.waiting");
  }
}

void Streams::replayLogs(const Record& record, const AttachWish& wish,
                         const Connection& connection) {
  if (record.hostConfig.logConfig.type == "none") return;
  const auto directory =
      sys::openAtIfExists(core_.containers.get(), record.id, O_RDONLY | O_DIRECTORY);
  if (!directory) return;
  logs::Query query;
  query.standardOutput = wish.out;
  query.standardError = wish.err;
  logs::JsonFileReader(directory->get(), record.id + "-json.log")
      .read(
          query,
          [&](const logs::Entry& entry) {
            std::string piece;
            if (!record.config.tty) {
              const auto head = frameHead(entry.standardError ? 2 : 1, entry.text.size());
              piece.append(head.data(), head.size());
            }
            piece += entry.text;
            sendPatiently(connection.socket.get(), piece, connection.stopping);
            return true;
          },
          connection.stopping);
}

void Streams::startExec(const std::string& id, bool detach,
                        const std::optional<dockerapi::ConsoleSize>& size,
                        const std::function<Connection(bool tty)>& hijack) {
  const Exec exec = execs_.startable(id);
  task::Stdio stdio;
  stdio.terminal = exec.request.tty;
  stdio.openStdin = exec.request.attachStdin && !detach;
  stdio.stdinOnce = true;
  const auto& asked = size ? size : exec.request.consoleSize;
  if (asked) {
    stdio.rows = static_cast<std::uint16_t>((*asked)[0]);
    stdio.columns = static_cast<std::uint16_t>((*asked)[1]);
  }
  if (detach) return execs_.start(id, stdio, {});
  const std::string keys = parseDetachKeys(
      exec.request.detachKeys.empty() ? std::nullopt : std::optional(exec.request.detachKeys));
  Connection connection = hijack(exec.request.tty);
  const sys::Fd socket = connection.socket.dup();
  task::Attacher attacher;
  attacher.socket = std::move(connection.socket);
  attacher.unread = std::move(connection.unread);
  attacher.in = exec.request.attachStdin;
  attacher.out = exec.request.attachStdout;
  attacher.err = exec.request.attachStderr;
  attacher.framed = !exec.request.tty;
  if (exec.request.tty && attacher.in) attacher.detachKeys = keys;
  attacher.onDetach = [this, id, container = exec.containerId](bool byKeys) {
    if (!byKeys) return;
    if (const View view = core_.records.find(container))
      core_.events.publish(containerEvent(*view, "exec_detach", {{"execID", id}}));
  };
  std::vector<task::Attacher> attachers;
  attachers.push_back(std::move(attacher));
  try {
    execs_.start(id, stdio, std::move(attachers));
  } catch (const base::Error& error) {
    // The stream is all that is left to tell it on.
    std::string text = error.message() + "\r\n";
    if (!exec.request.tty) {
      const auto head = frameHead(1, text.size());
      text.insert(0, head.data(), head.size());
    }
    // A client that has no room for a sentence does not read.
    std::string_view rest = text;
    sendNow(socket.get(), rest);
    hangUp(socket.get());
  }
}

void Streams::readLogs(const std::string& reference, const LogsWish& wish,
                       const std::function<void(bool tty)>& begin,
                       const logs::JsonFileReader::Each& each, const std::function<void()>& idle,
                       const base::StopToken& stop) {
  const View view = core_.records.get(reference);
  if (!wish.query.standardOutput && !wish.query.standardError) {
    base::fail(Code::kInvalidArgument, "You must choose at least one stream");
  }
  if (view->hostConfig.logConfig.type == "none")
    base::fail(Code::kNotImplemented, "configured logging driver does not support reading");
  const auto directory =
      sys::openAtIfExists(core_.containers.get(), view->id, O_RDONLY | O_DIRECTORY);
  if (!directory)
    base::fail(Code::kConflict,
               "can not get logs from container which is dead or marked for removal");
  logs::JsonFileReader reader(directory->get(), view->id + "-json.log");
  begin(view->config.tty);
  if (!wish.follow) {
    reader.read(wish.query, each, stop);
    idle();
    return;
  }
  const EndOfRun end(core_, view);
  reader.follow(wish.query, each, idle, end.token(), stop);
}

void Streams::resize(const std::string& reference, unsigned rows, unsigned columns) {
  const View view = core_.records.get(reference);
  if (!view->running()) base::fail(Code::kConflict, "container {} is not running", view->id);
  core_.tasks.resize(view->id, "", static_cast<std::uint16_t>(rows),
                     static_cast<std::uint16_t>(columns));
}

}  // namespace container
