// One attached container or exec: its output to our stdout and stderr, our stdin to it, signals and
// terminal sizes passed on, the detach keys watched for. One thread, one poll(2).
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "cli/client/engine_client.h"
#include "cli/client/terminal.h"
#include "cli/commands/cli.h"
#include "platform/sys/fd.h"

namespace commands {

// Signals that would end or disturb this program, readable from a descriptor instead. They stay
// blocked until the object is gone.
class SignalWatch {
 public:
  SignalWatch();
  ~SignalWatch();
  SignalWatch(const SignalWatch&) = delete;
  SignalWatch& operator=(const SignalWatch&) = delete;

  int pollFd() const noexcept { return fd_.get(); }
  int take();  // 0: none is waiting

 private:
  sys::Fd fd_;
};

// POST /containers/ID/wait, sent before the start so that no exit is missed, read when it comes.
class PendingExit {
 public:
  PendingExit(client::EngineClient& engine, const std::string& container,
              std::string_view condition);

  int pollFd() const noexcept { return response_->pollFd(); }
  bool done() const noexcept { return status_.has_value(); }
  void readMore();  // after pollFd() became readable
  int status();     // waits for it; Exit 125 when the engine could not tell

 private:
  std::unique_ptr<http::ClientResponse> response_;
  std::string body_;
  std::optional<int> status_;
  std::string error_;
};

struct SessionOptions {
  bool tty = false;
  bool input = false;  // our stdin goes to the stream
  bool output = true, errors = true;
  std::string detachKeys;       // "": the default; only looked for with a terminal
  bool forwardSignals = false;  // to `kill`
  std::function<void(int signal)> kill;
  std::function<void(client::TerminalSize)> resize;  // throws when the other side is not ready yet
  bool resizeAtOnce = true;
};

enum class SessionEnd { kFinished, kDetached };

// Copies until the stream ends (and `exit`, when given, is known) or the detach keys are typed. The
// terminal is given back before this returns. A signal that is not forwarded ends the program after
// the terminal was given back.
SessionEnd runSession(Cli& cli, client::RawStream& stream, PendingExit* exit, SignalWatch& signals,
                      const SessionOptions& options);

// Sends a resize request for a container or exec: path is "/containers/ID" or "/exec/ID".
void sendResize(client::EngineClient& engine, const std::string& path, client::TerminalSize size);
// Passes signals on to a container; one that has ended by then is no error.
std::function<void(int signal)> killOf(Cli& cli, const std::string& id);
// The name the API takes for a signal: "INT"; "" for one that is never passed on.
std::string signalName(int signal);

}  // namespace commands
