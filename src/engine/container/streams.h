// Output and input of running containers: attach, logs, terminal size.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "engine/container/attachers.h"
#include "engine/container/core.h"
#include "engine/container/execs.h"
#include "engine/logs/json_file_reader.h"
#include "platform/base/stop_token.h"

namespace container {

// "ctrl-p,ctrl-q" -> raw bytes. nullopt: the default sequence. Error kInvalidArgument in Docker's
// words.
std::string parseDetachKeys(const std::optional<std::string>& text);

struct AttachWish {
  bool stream = false, logs = false;
  bool in = false, out = false, err = false;
  std::optional<std::string> detachKeys;
};

// A connection taken over: blocking socket and what came behind the request.
struct Connection {
  sys::Fd socket;
  std::string unread;
  base::StopToken stopping;  // of the server
};

class Streams {
 public:
  Streams(Core& core, Attachers& attachers, Execs& execs)
      : core_(core), attachers_(attachers), execs_(execs) {}

  // kConflict: paused or restarting. `hijack` is called once everything that can be refused was.
  void attach(const std::string& reference, const AttachWish& wish,
              const std::function<Connection(bool tty)>& hijack);
  // Runs the exec with the connection as its stdio, or detached without.
  void startExec(const std::string& id, bool detach,
                 const std::optional<dockerapi::ConsoleSize>& size,
                 const std::function<Connection(bool tty)>& hijack);

  struct LogsWish {
    logs::Query query;
    bool follow = false;
  };
  // `begin` once the request is known to be good. Returns at the end of the log, or of the
  // container when following, or when `stop` fires. Error kNotImplemented "configured logging
  // driver does not support reading".
  void readLogs(const std::string& reference, const LogsWish& wish,
                const std::function<void(bool tty)>& begin, const logs::JsonFileReader::Each& each,
                const std::function<void()>& idle, const base::StopToken& stop);

  void resize(const std::string& reference, unsigned rows, unsigned columns);

 private:
  // Error kCancelled: the client does not read, or the server stops.
  void replayLogs(const Record& record, const AttachWish& wish, const Connection& connection);

  Core& core_;
  Attachers& attachers_;
  Execs& execs_;
};

}  // namespace container
