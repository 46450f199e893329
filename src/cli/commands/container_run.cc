// create and run.
#include <fcntl.h>
#include <unistd.h>

#include <cstdlib>

#include "api/oci/platform.h"
#include "api/oci/reference.h"
#include "cli/client/terminal.h"
#include "cli/commands/commands.h"
#include "cli/commands/container_flags.h"
#include "cli/commands/container_options.h"
#include "cli/commands/list_format.h"
#include "cli/commands/stream_session.h"
#include "platform/base/scope_exit.h"
#include "platform/base/strings.h"
#include "platform/sys/file.h"

namespace commands {
namespace {

using base::Code;
using base::fail;

constexpr Flag kCreateFlags[] = {
    {"disable-content-trust", 0, Kind::kBool, "", "Skip image verification (default true)", "true"},
    {"name", 0, Kind::kString, "string", "Assign a name to the container"},
    {"platform", 0, Kind::kString, "string", "Set platform if server is multi-platform capable"},
    {"pull", 0, Kind::kString, "string",
     "Pull image before creating (\"always\", \"|missing\", \"never\") (default \"missing\")",
     "missing"},
    {"quiet", 'q', Kind::kBool, "", "Suppress the pull output"},
    {"use-api-socket", 0, Kind::kBool, "", "Bind mount Docker API socket and required auth"},
};

constexpr Flag kRunFlags[] = {
    {"detach", 'd', Kind::kBool, "", "Run container in background and print container ID"},
    {"detach-keys", 0, Kind::kString, "string",
     "Override the key sequence for detaching a container"},
    {"disable-content-trust", 0, Kind::kBool, "", "Skip image verification (default true)", "true"},
    {"name", 0, Kind::kString, "string", "Assign a name to the container"},
    {"platform", 0, Kind::kString, "string", "Set platform if server is multi-platform capable"},
    {"pull", 0, Kind::kString, "string",
     "Pull image before running (\"always\", \"missing\", \"never\") (default \"missing\")",
     "missing"},
    {"quiet", 'q', Kind::kBool, "", "Suppress the pull output"},
    {"sig-proxy", 0, Kind::kBool, "", "Proxy received signals to the process (default true)",
     "true"},
    {"use-api-socket", 0, Kind::kBool, "", "Bind mount Docker API socket and required auth"},
};

// The file that receives the container's id; made before the container and removed again unless
// written.
class CidFile {
 public:
  explicit CidFile(const std::string& path) : path_(path) {
    if (path_.empty()) return;
    if (sys::statAtIfExists(AT_FDCWD, path_, 0)) {
      fail(Code::kInvalidArgument,
           "container ID file found, make sure the other container isn't running or delete {}",
           path_);
    }
    try {
      file_ = sys::openAt(AT_FDCWD, path_, O_WRONLY | O_CREAT | O_EXCL, 0666);
    } catch (const base::Error& error) {
      fail(Code::kInternal, "failed to create the container ID file: {}", error.message());
    }
  }
  ~CidFile() {
    if (file_.valid() && !written_) ::unlink(path_.c_str());
  }
  void write(const std::string& id) {
    if (!file_.valid()) return;
    sys::writeAll(file_.get(), id, path_);
    written_ = true;
  }

 private:
  std::string path_;
  sys::Fd file_;
  bool written_ = false;
};

constexpr int kEngineFailed = 125;

// Errors of `run` and `create` carry the command's name and where to find help.
[[noreturn]] void failWithHelp(const Cli& cli, std::string_view command, int status,
                               const std::string& message) {
  throw Exit(status, fmt::format("{}: {}\n\nRun '{} {} --help' for more information", cli.program(),
                                 message, cli.program(), command));
}

// The exit code that the engine's words stand for.
int startStatus(const std::string& message) {
  const std::string text = base::lower(base::trim(message));
  const auto says = [&](std::string_view words) { return text.find(words) != std::string::npos; };
  constexpr int kCannotInvoke = 126, kNotFound = 127;
  if (says("executable file not found") || says("no such file or directory") ||
      says("system cannot find the file specified"))
    return kNotFound;
  if (says("permission denied") || says("is a directory")) return kCannotInvoke;
  return kEngineFailed;
}

json::Value postCreate(Cli& cli, const CreateRequest& request, const std::string& platform) {
  client::QueryString query;
  query.addIf(!request.name.empty(), "name", request.name)
      .addIf(!platform.empty(), "platform", platform);
  return cli.engine().postJson("/containers/create", query, request.body);
}

void adaptToVersion(client::EngineClient& engine, json::Value& body) {
  if (!engine.atLeast("1.42"))
    body.find("HostConfig")
        ->set("ConsoleSize", json::Value::array({json::Value(0), json::Value(0)}));
}

// Creates the container, pulling the image when it is missing (or always). Returns its id.
std::string createContainer(Cli& cli, CreateRequest& request) {
  CidFile cidFile(request.cidFile);
  std::string platform;
  if (!request.platform.empty()) {
    try {
      platform = oci::Platform::parse(request.platform).str();
    } catch (const base::Error& error) {
      fail(Code::kInvalidArgument, "error parsing specified platform: {}", error.message());
    }
  }
  const auto reference = oci::Reference::tryParse(request.image);
  if (!reference && request.image.find_first_not_of("0123456789abcdef") != std::string::npos)
    oci::Reference::parse(request.image);
  const auto pull = [&] {
    pullImage(cli, request.image, platform, false, STDERR_FILENO, request.quietPull);
  };
  if (request.pull == "always") pull();
  cli.engine().ping(true);
  adaptToVersion(cli.engine(), request.body);
  json::Value answer;
  try {
    answer = postCreate(cli, request, platform);
  } catch (const client::ApiError& error) {
    if (!error.notFound() || !reference || request.pull != "missing") throw;
    if (error.message().find("o such image") == std::string::npos &&
        error.message().find("does not match the specified platform") == std::string::npos) {
      throw;  // something else is missing: a network, a container to share with
    }
    if (!request.quietPull)
      cli.warn(
          fmt::format("Unable to find image '{}' locally", reference->withDefaultTag().familiar()));
    pull();
    answer = postCreate(cli, request, platform);
  }
  for (const json::Value& warning : arrayAt(answer, "Warnings"))
    cli.warn(fmt::format("WARNING: {}", warning.asString()));
  const std::string id = textAt(answer, "Id");
  cidFile.write(id);
  return id;
}

void warnAboutLoopbackDns(Cli& cli, const Flags& flags) {
  for (const std::string& server : flags.list("dns")) {
    if (server.starts_with("127.") && server != "127.0.0.11") {
      cli.warn(fmt::format("WARNING: Localhost DNS ({}) may fail in containers.", server));
      return;
    }
  }
}

int runContainerCreate(Invocation& invocation) {
  Cli& cli = invocation.cli;
  CreateRequest request;
  try {
    request = parseCreateRequest(cli, invocation.flags, invocation.args, false);
  } catch (const base::Error& error) {
    failWithHelp(cli, "create", kEngineFailed, error.message());
  }
  cli.print(createContainer(cli, request) + "\n");
  return 0;
}

struct Attached {
  std::unique_ptr<client::RawStream> stream;
  SessionOptions options;
};

std::unique_ptr<client::RawStream> openAttach(Cli& cli, const CreateRequest& request,
                                              const std::string& id,
                                              const std::string& detachKeys) {
  client::QueryString query;
  query.addIf(!detachKeys.empty(), "detachKeys", detachKeys);
  query.addIf(request.attachStderr, "stderr")
      .addIf(request.attachStdin, "stdin")
      .addIf(request.attachStdout, "stdout")
      .add("stream", "1");
  return cli.engine().hijack(containerPath(id, "/attach"), query);
}

SessionOptions sessionOptions(Cli& cli, const CreateRequest& request, const std::string& id,
                              const std::string& detachKeys, bool forward) {
  SessionOptions options;
  options.tty = request.tty;
  options.input = request.attachStdin;
  options.output = request.attachStdout;
  options.errors = request.attachStderr;
  options.detachKeys = detachKeys;
  options.forwardSignals = forward;
  options.kill = killOf(cli, id);
  if (request.tty) {
    options.resize = [&cli, id](client::TerminalSize size) {
      sendResize(cli.engine(), containerPath(id), size);
    };
  }
  return options;
}

// After a failed start: the engine removes the container itself with --rm; its end is awaited, so
// that the name is free.
void awaitRemoval(PendingExit& exit) noexcept {
  try {
    exit.status();
  } catch (const std::exception&) {
  }
}

int runAttached(Cli& cli, const Flags& flags, CreateRequest& request) {
  const std::string id = createContainer(cli, request);
  const bool attached = request.attachStdin || request.attachStdout || request.attachStderr;
  std::string detachKeys = flags.text("detach-keys");
  if (detachKeys.empty()) detachKeys = cli.config().text("detachKeys");
  SignalWatch signals;
  std::unique_ptr<client::RawStream> stream;
  if (attached) {
    try {
      stream = openAttach(cli, request, id, detachKeys);
    } catch (const base::Error& error) {
      throw Exit(1, error.message());  // the container stays, and no help is offered
    }
  }
  PendingExit exit(cli.engine(), id, request.autoRemove ? "removed" : "next-exit");
  try {
    cli.engine().call("POST", containerPath(id, "/start"));
  } catch (const base::Error&) {
    if (request.autoRemove) awaitRemoval(exit);
    throw;
  }
  if (!attached) return exit.status();
  const SessionOptions options =
      sessionOptions(cli, request, id, detachKeys, flags.on("sig-proxy"));
  if (runSession(cli, *stream, &exit, signals, options) == SessionEnd::kDetached) return 0;
  return exit.status();
}

int runDetached(Cli& cli, CreateRequest& request) {
  const std::string id = createContainer(cli, request);
  cli.engine().call("POST", containerPath(id, "/start"));
  cli.print(id + "\n");
  return 0;
}

int runContainerRun(Invocation& invocation) {
  Cli& cli = invocation.cli;
  const Flags& flags = invocation.flags;
  const bool detached = flags.on("detach");
  CreateRequest request;
  try {
    request = parseCreateRequest(cli, flags, invocation.args, detached);
  } catch (const Exit&) {
    throw;
  } catch (const base::Error& error) {
    failWithHelp(cli, "run", kEngineFailed, error.message());
  }
  try {
    if (detached && !flags.list("attach").empty())
      throw Exit(1, "conflicting options: cannot specify both --attach and --detach");
    if (request.tty && request.attachStdin && !client::isTerminal(0))
      throw Exit(1, "the input device is not a TTY");
    warnAboutLoopbackDns(cli, flags);
    return detached ? runDetached(cli, request) : runAttached(cli, flags, request);
  } catch (const Exit&) {
    throw;
  } catch (const base::Error& error) {
    failWithHelp(cli, "run", startStatus(error.message()), error.message());
  }
}

}  // namespace

constinit const Command kContainerCreate = {"[OPTIONS] IMAGE [COMMAND] [ARG...]",
                                            "Create a new container",
                                            nullptr,
                                            "@ container create, @ create",
                                            kCreateFlags,
                                            &kContainerFlagTable,
                                            {1, -1},
                                            false,
                                            runContainerCreate};

constinit const Command kContainerRun = {"[OPTIONS] IMAGE [COMMAND] [ARG...]",
                                         "Create and run a new container from an image",
                                         nullptr,
                                         "@ container run, @ run",
                                         kRunFlags,
                                         &kContainerFlagTable,
                                         {1, -1},
                                         false,
                                         runContainerRun};

}  // namespace commands
