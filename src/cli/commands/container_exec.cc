// exec.
#include "cli/client/terminal.h"
#include "cli/commands/commands.h"
#include "cli/commands/list_format.h"
#include "cli/commands/option_values.h"
#include "cli/commands/stream_session.h"

namespace commands {
namespace {

constexpr Flag kFlags[] = {
    {"detach", 'd', Kind::kBool, "", "Detached mode: run command in the background"},
    {"detach-keys", 0, Kind::kString, "string",
     "Override the key sequence for detaching a container"},
    {"env", 'e', Kind::kList, "list", "Set environment variables", "", checkEnvironment},
    {"env-file", 0, Kind::kList, "list", "Read in a file of environment variables"},
    {"interactive", 'i', Kind::kBool, "", "Keep STDIN open even if not attached"},
    {"privileged", 0, Kind::kBool, "", "Give extended privileges to the command"},
    {"tty", 't', Kind::kBool, "", "Allocate a pseudo-TTY"},
    {"user", 'u', Kind::kString, "string",
     "Username or UID (format: \"<name|uid>[:<group|gid>]\")"},
    {"workdir", 'w', Kind::kString, "string", "Working directory inside the container"},
};

json::Value execRequest(Cli& cli, const Invocation& invocation, const std::string& detachKeys) {
  const Flags& flags = invocation.flags;
  const bool attached = !flags.on("detach");
  json::Value body = json::Value::object();
  body.set("User", flags.text("user"));
  body.set("Privileged", flags.on("privileged"));
  body.set("Tty", flags.on("tty"));
  if (attached && flags.on("tty") && client::isTerminal(1) && cli.engine().atLeast("1.42")) {
    const client::TerminalSize size = client::terminalSize(1);
    body.set("ConsoleSize",
             json::Value::array({json::Value(size.height), json::Value(size.width)}));
  }
  body.set("AttachStdin", attached && flags.on("interactive"));
  body.set("AttachStderr", attached);
  body.set("AttachStdout", attached);
  body.set("DetachKeys", detachKeys);
  body.set("Env",
           toArrayOrNull(readKeyValueFiles(flags.list("env-file"), flags.list("env"), true)));
  body.set("WorkingDir", flags.text("workdir"));
  body.set("Cmd", toArray({invocation.args.begin() + 1, invocation.args.end()}));
  return body;
}

int exitCodeOf(Cli& cli, const std::string& id) {
  const json::Value exec = cli.engine().getJson(fmt::format("/exec/{}/json", id));
  return static_cast<int>(numberAt(exec, "ExitCode"));
}

int runContainerExec(Invocation& invocation) {
  Cli& cli = invocation.cli;
  const Flags& flags = invocation.flags;
  const std::string& name = invocation.args[0];
  const bool detached = flags.on("detach"), tty = flags.on("tty"),
             input = flags.on("interactive") && !detached;
  std::string detachKeys = flags.text("detach-keys");
  if (detachKeys.empty()) detachKeys = cli.config().text("detachKeys");
  const json::Value body = execRequest(cli, invocation, detachKeys);
  cli.engine().getJson(containerPath(name, "/json"));
  if (!detached && input && tty && !client::isTerminal(0))
    base::fail(base::Code::kInvalidArgument, "the input device is not a TTY");
  const std::string id =
      textAt(cli.engine().postJson(containerPath(name, "/exec"), {}, body), "Id");
  if (id.empty()) base::fail(base::Code::kInternal, "exec ID empty");
  json::Value start{{"Detach", detached}, {"Tty", tty}};
  if (const json::Value* size = body.find("ConsoleSize")) start.set("ConsoleSize", *size);
  const std::string path = fmt::format("/exec/{}", id);
  if (detached) {
    cli.engine().call("POST", path + "/start", {}, {.body = start.write()});
    return 0;
  }
  SignalWatch signals;
  client::CallOptions call;
  call.body = start.write();
  const auto stream = cli.engine().hijack(path + "/start", {}, call);
  SessionOptions options;
  options.tty = tty;
  options.input = input;
  options.detachKeys = detachKeys;
  if (tty)
    options.resize = [&cli, path](client::TerminalSize size) {
      sendResize(cli.engine(), path, size);
    };
  if (runSession(cli, *stream, nullptr, signals, options) == SessionEnd::kDetached)
    base::fail(base::Code::kCancelled, "read escape sequence");
  return exitCodeOf(cli, id);
}

}  // namespace

constinit const Command kContainerExec = {"[OPTIONS] CONTAINER COMMAND [ARG...]",
                                          "Execute a command in a running container",
                                          nullptr,
                                          "@ container exec, @ exec",
                                          kFlags,
                                          nullptr,
                                          {2, -1},
                                          false,
                                          runContainerExec};

}  // namespace commands
