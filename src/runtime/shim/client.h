// The daemon's end of the shim wire (shimwire/wire.h): starting shims, talking to them, reading
// what they left.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "platform/base/mutex.h"
#include "platform/base/time.h"
#include "platform/sys/fd.h"
#include "platform/sys/loop.h"
#include "platform/sys/spawn.h"
#include "runtime/shimwire/wire.h"

namespace shim {

struct Answer {
  shimwire::Reply reply;
  std::vector<sys::Fd> fds;
};

// A shim answers at once, except a Go, which waits for the launch. Whatever keeps one from it may
// not keep whoever asks.
inline constexpr int kAnswerPatienceMs = 15'000;
inline constexpr int kLaunchPatienceMs = (shimwire::kLaunchSeconds + 10) * 1000;

// One conversation. Thread-safe, but a group of messages that belong together (Exec … Go) is the
// caller's to serialise.
class Client : public std::enable_shared_from_this<Client> {
 public:
  struct Handlers {
    std::function<void(const shimwire::Exited&)> exited;
    std::function<void(std::uint64_t number, bool byKeys)> detached;
    std::function<void()> lost;  // once: the shim has gone or closed the conversation
  };

  // What a shim knows of itself.
  struct Known {
    shimwire::State state;
    std::vector<shimwire::ExecState> execs;
  };

  explicit Client(sys::Fd socket);
  ~Client();

  // A fresh sequence for a message.
  std::uint32_t nextSequence();

  // Error kUnavailable when the shim is gone. `fds` at most kMaxFds.
  template <class T>
  void send(const T& message, std::span<const int> fds = {}) {
    sendBytes(std::as_bytes(std::span(&message, 1)), fds);
  }

  // The Reply to a message with this sequence that was or will be sent. Until watch() the calling
  // thread reads the conversation itself, so that nobody has to be woken; afterwards the loop's
  // thread does. Error kUnavailable: the shim went away before it answered. kDeadlineExceeded after
  // `timeoutMs`.
  Answer await(std::uint32_t sequence, int timeoutMs = kAnswerPatienceMs);

  // Sends with a sequence and awaits.
  template <class T>
  Answer request(T message, std::span<const int> fds = {}, int timeoutMs = kAnswerPatienceMs) {
    message.header.sequence = nextSequence();
    const Waiting waiting(*this, message.header.sequence);
    send(message, fds);
    return await(message.header.sequence, timeoutMs);
  }

  // Before watch(): says Hello. Errors as await.
  Known hello(int timeoutMs);

  // From now on the loop's thread reads; handlers run on it, beginning with what has come already.
  // No other thread may be in await() when this is called: hand the client on afterwards.
  void watch(sys::Loop& loop, Handlers handlers);
  // No handler runs afterwards, unless one is running on the loop's thread right now. Any thread.
  void close();

  // Announces that an answer will be awaited; needed once watch() was called.
  class Waiting {
   public:
    Waiting(Client& client, std::uint32_t sequence);
    ~Waiting();
    Waiting(const Waiting&) = delete;
    Waiting& operator=(const Waiting&) = delete;

   private:
    Client& client_;
    std::uint32_t sequence_;
  };

 private:
  struct Slot {
    bool done = false;
    Answer answer;
  };

  void sendBytes(std::span<const std::byte> bytes, std::span<const int> fds);
  bool readOne(int timeoutMs);
  void onReadable();
  void end();
  void take(std::span<const std::byte> bytes, std::vector<sys::Fd> fds);
  void deliver(std::vector<std::byte> event);

  const sys::Fd socket_;
  base::Mutex send_mutex_;
  base::Mutex mutex_;
  base::Condition answered_;
  std::uint32_t sequence_ GUARDED_BY(mutex_) = 0;
  std::map<std::uint32_t, Slot> slots_ GUARDED_BY(mutex_);
  std::vector<std::vector<std::byte>> early_ GUARDED_BY(mutex_);  // events that came before watch()
  bool watched_ GUARDED_BY(mutex_) = false;
  bool lost_ GUARDED_BY(mutex_) = false;
  sys::Loop* loop_ GUARDED_BY(mutex_) = nullptr;
  std::optional<Known> known_;
  Handlers handlers_;  // loop thread
};

// The shim's program, held in a sealed memfd for the life of the daemon (CVE-2019-5736, and one set
// of pages for all shims); on hosts that forbid executing memfds, the file itself.
class Program {
 public:
  explicit Program(const std::string& path);

  // The cgroup of the shims, as in sys::SpawnPlan.
  struct Cgroup {
    sys::Fd directory;           // v2
    std::vector<sys::Fd> files;  // v1
  };

  struct Spawned {
    std::shared_ptr<Client> client;
    sys::Child process;
  };
  // A shim that listens in `directory` and waits for Start. It ends when `client` closes before Go.
  Spawned spawn(const std::string& id, int directory, const Cgroup& cgroup) const;

 private:
  sys::Fd program_;
};

// A sealed memfd with these bytes.
sys::Fd sealed(const std::string& name, std::string_view bytes);

// -- a task's directory
// ----------------------------------------------------------------------------------------------

// Writes the first status page. Error kInvalidArgument: the cgroup's path is too long.
void writeStatus(int directory, const std::string& cgroup);
// nullopt: none, or none of a version that is understood.
std::optional<shimwire::StatusPage> readStatus(int directory);

struct ExitInfo {
  shimwire::ExitRecord record;
  std::vector<shimwire::ExecExit> execs;
};
// nullopt: none. Error kDataLoss: there is one, and it cannot be read.
std::optional<ExitInfo> readExit(int directory);

// A message's or record's id field as text.
std::string idText(const char (&id)[64]);
void setId(char (&to)[64], const std::string& id);

}  // namespace shim
