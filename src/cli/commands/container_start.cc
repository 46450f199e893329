// start and attach.
#include "cli/client/terminal.h"
#include "cli/commands/commands.h"
#include "cli/commands/list_format.h"
#include "cli/commands/stream_session.h"
#include "platform/base/strings.h"

namespace commands {
namespace {

using base::Code;
using base::fail;

constexpr Flag kStartFlags[] = {
    {"attach", 'a', Kind::kBool, "", "Attach STDOUT/STDERR and forward signals"},
    {"checkpoint", 0, Kind::kString, "string", "Restore from this checkpoint", "", nullptr,
     kHidden},
    {"checkpoint-dir", 0, Kind::kString, "string", "Use a custom checkpoint storage directory", "",
     nullptr, kHidden},
    {"detach-keys", 0, Kind::kString, "string",
     "Override the key sequence for detaching a container"},
    {"interactive", 'i', Kind::kBool, "", "Attach container's STDIN"},
};

constexpr Flag kAttachFlags[] = {
    {"detach-keys", 0, Kind::kString, "string",
     "Override the key sequence for detaching a container"},
    {"no-stdin", 0, Kind::kBool, "", "Do not attach STDIN"},
    {"sig-proxy", 0, Kind::kBool, "", "Proxy all received signals to the process (default true)",
     "true"},
};

std::string detachKeysOf(Cli& cli, const Flags& flags) {
  const std::string& keys = flags.text("detach-keys");
  return keys.empty() ? cli.config().text("detachKeys") : keys;
}

SessionOptions optionsFor(Cli& cli, const json::Value& container, bool input,
                          const std::string& detachKeys, bool forward) {
  const std::string id = textAt(container, "Id");
  SessionOptions options;
  options.tty = flagAt(container["Config"], "Tty");
  options.input = input;
  options.detachKeys = detachKeys;
  options.forwardSignals = forward;
  options.kill = killOf(cli, id);
  if (options.tty)
    options.resize = [&cli, id](client::TerminalSize size) {
      sendResize(cli.engine(), containerPath(id), size);
    };
  return options;
}

std::unique_ptr<client::RawStream> openAttach(Cli& cli, const std::string& id, bool input,
                                              const std::string& detachKeys) {
  client::QueryString query;
  query.addIf(!detachKeys.empty(), "detachKeys", detachKeys)
      .add("stderr", "1")
      .addIf(input, "stdin")
      .add("stdout", "1")
      .add("stream", "1");
  return cli.engine().hijack(containerPath(id, "/attach"), query);
}

void checkTerminal(bool input, bool tty) {
  if (input && tty && !client::isTerminal(0))
    fail(Code::kInvalidArgument, "the input device is not a TTY");
}

int startAttached(Invocation& invocation) {
  Cli& cli = invocation.cli;
  const Flags& flags = invocation.flags;
  if (invocation.args.size() > 1)
    fail(Code::kInvalidArgument, "you cannot start and attach multiple containers at once");
  const json::Value container = cli.engine().getJson(containerPath(invocation.args[0], "/json"));
  const std::string id = textAt(container, "Id");
  const bool tty = flagAt(container["Config"], "Tty");
  const bool input = flags.on("interactive") && flagAt(container["Config"], "OpenStdin");
  checkTerminal(input, tty);
  const std::string detachKeys = detachKeysOf(cli, flags);
  SignalWatch signals;
  const auto stream = openAttach(cli, id, input, detachKeys);
  PendingExit exit(cli.engine(), id,
                   flagAt(container["HostConfig"], "AutoRemove") ? "removed" : "next-exit");
  cli.engine().call("POST", containerPath(id, "/start"));
  if (runSession(cli, *stream, &exit, signals,
                 optionsFor(cli, container, input, detachKeys, !tty)) == SessionEnd::kDetached)
    return 0;
  return exit.status();
}

int runContainerStart(Invocation& invocation) {
  for (const char* flag : {"checkpoint", "checkpoint-dir"}) {
    if (!invocation.flags.changed(flag)) continue;
    fail(Code::kNotImplemented,
         "\"--{}\" is only supported on a Docker daemon with experimental features enabled", flag);
  }
  if (invocation.flags.on("attach") || invocation.flags.on("interactive"))
    return startAttached(invocation);
  Cli& cli = invocation.cli;
  std::vector<std::string> failed;
  for (const std::string& name : invocation.args) {
    try {
      cli.engine().call("POST", containerPath(name, "/start"));
      cli.print(name + "\n");
    } catch (const base::Error& error) {
      cli.warn(error.message());
      failed.push_back(name);
    }
  }
  if (!failed.empty())
    fail(Code::kInternal, "Error: failed to start containers: {}", base::join(failed, ", "));
  return 0;
}

int runContainerAttach(Invocation& invocation) {
  Cli& cli = invocation.cli;
  const Flags& flags = invocation.flags;
  const std::string& name = invocation.args[0];
  // Asked to wait before anything else, so that no end is missed; but it is the inspection that
  // tells what is wrong.
  std::optional<PendingExit> exit;
  try {
    exit.emplace(cli.engine(), name, "");
  } catch (const Exit&) {
    throw;
  } catch (const base::Error&) {
    cli.engine().getJson(containerPath(name, "/json"));
    throw;
  }
  const json::Value container = cli.engine().getJson(containerPath(name, "/json"));
  const json::Value& state = container["State"];
  if (!flagAt(state, "Running"))
    fail(Code::kConflict, "You cannot attach to a stopped container, start it first");
  if (flagAt(state, "Paused"))
    fail(Code::kConflict, "You cannot attach to a paused container, unpause it first");
  if (flagAt(state, "Restarting"))
    fail(Code::kConflict, "You cannot attach to a restarting container, wait until it is running");
  const bool tty = flagAt(container["Config"], "Tty");
  const bool input = !flags.on("no-stdin") && flagAt(container["Config"], "OpenStdin");
  checkTerminal(input, tty);
  const std::string detachKeys = detachKeysOf(cli, flags);
  SignalWatch signals;
  const auto stream = openAttach(cli, name, input, detachKeys);
  SessionOptions options =
      optionsFor(cli, container, input, detachKeys, flags.on("sig-proxy") && !tty);
  if (tty && client::isTerminal(1)) {
    // A size that differs first: the program inside then draws its screen anew.
    client::TerminalSize size = client::terminalSize(1);
    ++size.height;
    ++size.width;
    try {
      options.resize(size);
    } catch (const base::Error&) {
    }
  }
  if (runSession(cli, *stream, &*exit, signals, options) == SessionEnd::kDetached)
    fail(Code::kCancelled, "read escape sequence");
  return exit->status();
}

}  // namespace

constinit const Command kContainerStart = {"[OPTIONS] CONTAINER [CONTAINER...]",
                                           "Start one or more stopped containers",
                                           nullptr,
                                           "@ container start, @ start",
                                           kStartFlags,
                                           nullptr,
                                           {1, -1},
                                           true,
                                           runContainerStart};

constinit const Command kContainerAttach = {
    "[OPTIONS] CONTAINER",
    "Attach local standard input, output, and error streams to a running container",
    nullptr,
    "@ container attach, @ attach",
    kAttachFlags,
    nullptr,
    {1, 1},
    true,
    runContainerAttach};

}  // namespace commands
