// logs, top, port, diff, export, commit.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "api/oci/reference.h"
#include "cli/client/raw_stream.h"
#include "cli/client/terminal.h"
#include "cli/commands/commands.h"
#include "cli/commands/list_format.h"
#include "cli/commands/tabular.h"
#include "platform/base/strings.h"
#include "platform/sys/file.h"

namespace commands {
namespace {

using base::Code;
using base::fail;

constexpr Flag kLogsFlags[] = {
    {"details", 0, Kind::kBool, "", "Show extra details provided to logs"},
    {"follow", 'f', Kind::kBool, "", "Follow log output"},
    {"since", 0, Kind::kString, "string",
     "Show logs since timestamp (e.g. \"2013-01-02T13:23:37Z\") or relative (e.g. \"42m\" for 42 "
     "minutes)"},
    {"tail", 'n', Kind::kString, "string",
     "Number of lines to show from the end of the logs (default \"all\")", "all"},
    {"timestamps", 't', Kind::kBool, "", "Show timestamps"},
    {"until", 0, Kind::kString, "string",
     "Show logs before a timestamp (e.g. \"2013-01-02T13:23:37Z\") or relative (e.g. \"42m\" for "
     "42 minutes)"},
};

constexpr Flag kExportFlags[] = {
    {"output", 'o', Kind::kString, "string", "Write to a file, instead of STDOUT"},
};

constexpr Flag kCommitFlags[] = {
    {"author", 'a', Kind::kString, "string",
     "Author (e.g., \"John Hannibal Smith <hannibal@a-team.com>\")"},
    {"change", 'c', Kind::kList, "list", "Apply Dockerfile instruction to the created image"},
    {"message", 'm', Kind::kString, "string", "Commit message"},
    {"pause", 'p', Kind::kBool, "", "Pause container during commit (default true)", "true"},
};

std::string logTime(const Flags& flags, const char* name) {
  try {
    return apiTimestamp(flags.text(name));
  } catch (const base::Error& error) {
    fail(Code::kInvalidArgument, "invalid value for {}: {}", base::quote(name), error.message());
  }
}

int runLogs(Invocation& invocation) {
  Cli& cli = invocation.cli;
  const Flags& flags = invocation.flags;
  const json::Value container = cli.engine().getJson(containerPath(invocation.args[0], "/json"));
  const bool tty = flagAt(container["Config"], "Tty");
  const std::string since = logTime(flags, "since"), until = logTime(flags, "until");
  client::QueryString query;
  query.addIf(flags.on("details"), "details").addIf(flags.on("follow"), "follow");
  query.addIf(!since.empty(), "since", since)
      .add("stderr", "1")
      .add("stdout", "1")
      .add("tail", flags.text("tail"));
  query.addIf(flags.on("timestamps"), "timestamps").addIf(!until.empty(), "until", until);
  const auto response =
      cli.engine().open("GET", containerPath(textAt(container, "Id"), "/logs"), query);
  if (tty) {
    copyBody(*response, STDOUT_FILENO);
    return 0;
  }
  client::Demultiplexer demultiplexer;
  std::array<char, 64 * 1024> buffer;
  while (const size_t n = response->read(buffer)) {
    demultiplexer.push({buffer.data(), n}, [](int stream, std::string_view bytes) {
      sys::writeAll(stream, bytes, stream == STDERR_FILENO ? "/dev/stderr" : "/dev/stdout");
    });
  }
  return 0;
}

int runTop(Invocation& invocation) {
  constexpr size_t kMinWidth = 20;
  client::QueryString query;
  const std::string options = base::join({invocation.args.begin() + 1, invocation.args.end()}, " ");
  query.addIf(!options.empty(), "ps_args", options);
  const json::Value answer =
      invocation.cli.engine().getJson(containerPath(invocation.args[0], "/top"), query);
  std::string text;
  const auto addLine = [&](const json::Value::Array& cells) {
    for (size_t i = 0; i < cells.size(); ++i)
      text += fmt::format("{}{}", i ? "\t" : "", cells[i].asString());
    text += '\n';
  };
  addLine(arrayAt(answer, "Titles"));
  for (const json::Value& process : arrayAt(answer, "Processes")) addLine(process.asArray());
  invocation.cli.print(alignColumns(text, kMinWidth));
  return 0;
}

std::string hostPort(const json::Value& binding) {
  const std::string ip = textAt(binding, "HostIp"), port = textAt(binding, "HostPort");
  return ip.find(':') == std::string::npos ? fmt::format("{}:{}", ip, port)
                                           : fmt::format("[{}]:{}", ip, port);
}

int runPort(Invocation& invocation) {
  Cli& cli = invocation.cli;
  const std::string& name = invocation.args[0];
  const json::Value container = cli.engine().getJson(containerPath(name, "/json"));
  const json::Value* settings = container.find("NetworkSettings");
  std::vector<std::string> lines;
  std::string wanted;
  if (invocation.args.size() > 1) {
    const auto [port, protocol] = base::cut(invocation.args[1], '/');
    if (!base::parseUint(port))
      fail(Code::kInvalidArgument,
           "Error: invalid port ({}): strconv.ParseUint: parsing {}: invalid syntax", port,
           base::quote(port));
    wanted = fmt::format("{}/{}", port, protocol ? *protocol : "tcp");
  }
  if (settings) {
    for (const auto& member : objectAt(*settings, "Ports")) {
      if (!member.value.isArray() || (!wanted.empty() && member.name != wanted)) continue;
      for (const json::Value& binding : member.value.asArray()) {
        lines.push_back(wanted.empty() ? fmt::format("{} -> {}", member.name, hostPort(binding))
                                       : hostPort(binding));
      }
    }
  }
  if (!wanted.empty() && lines.empty())
    fail(Code::kNotFound, "Error: No public port '{}' published for {}", invocation.args[1], name);
  std::sort(lines.begin(), lines.end(), naturalLess);
  for (const std::string& line : lines) cli.print(line + "\n");
  return 0;
}

int runDiff(Invocation& invocation) {
  const json::Value answer =
      invocation.cli.engine().getJson(containerPath(invocation.args[0], "/changes"));
  if (answer.isNull()) return 0;
  for (const json::Value& change : answer.asArray()) {
    constexpr const char* kKinds[] = {"C", "A", "D"};
    const auto kind = static_cast<size_t>(numberAt(change, "Kind"));
    invocation.cli.print(fmt::format("{} {}\n", kind < std::size(kKinds) ? kKinds[kind] : "?",
                                     textAt(change, "Path")));
  }
  return 0;
}

int runExport(Invocation& invocation) {
  const std::string& output = invocation.flags.text("output");
  if (output.empty() && client::isTerminal(STDOUT_FILENO)) {
    fail(Code::kInvalidArgument,
         "cowardly refusing to save to a terminal. Use the -o flag or redirect");
  }
  const auto response =
      invocation.cli.engine().open("GET", containerPath(invocation.args[0], "/export"));
  saveBody(*response, output, "failed to export container");
  return 0;
}

int runCommit(Invocation& invocation) {
  const Flags& flags = invocation.flags;
  client::QueryString query;
  std::string repository, tag;
  if (invocation.args.size() > 1) {
    const oci::Reference reference = parseTarget(invocation.args[1]);
    if (!reference.digest().empty())
      fail(Code::kInvalidArgument, "refusing to create a tag with a digest reference");
    const oci::Reference tagged = reference.withDefaultTag();
    repository = tagged.name();
    tag = tagged.tag();
  }
  query.add("author", flags.text("author"));
  for (const std::string& change : flags.list("change")) query.add("changes", change);
  query.add("comment", flags.text("message")).add("container", invocation.args[0]);
  query.addIf(!flags.on("pause"), "pause", "0").add("repo", repository).add("tag", tag);
  const json::Value answer = invocation.cli.engine().postJson("/commit", query, json::Value());
  invocation.cli.print(textAt(answer, "Id") + "\n");
  return 0;
}

}  // namespace

constinit const Command kContainerLogs = {"[OPTIONS] CONTAINER",
                                          "Fetch the logs of a container",
                                          nullptr,
                                          "@ container logs, @ logs",
                                          kLogsFlags,
                                          nullptr,
                                          {1, 1},
                                          true,
                                          runLogs};
constinit const Command kContainerTop = {"CONTAINER [ps OPTIONS]",
                                         "Display the running processes of a container",
                                         nullptr,
                                         "@ container top, @ top",
                                         {},
                                         nullptr,
                                         {1, -1},
                                         false,
                                         runTop};
constinit const Command kContainerPort = {
    "CONTAINER [PRIVATE_PORT[/PROTO]]",
    "List port mappings or a specific mapping for the container",
    nullptr,
    "@ container port, @ port",
    {},
    nullptr,
    {1, 2},
    true,
    runPort};
constinit const Command kContainerDiff = {
    "CONTAINER", "Inspect changes to files or directories on a container's filesystem",
    nullptr,     "@ container diff, @ diff",
    {},          nullptr,
    {1, 1},      true,
    runDiff};
constinit const Command kContainerExport = {"[OPTIONS] CONTAINER",
                                            "Export a container's filesystem as a tar archive",
                                            nullptr,
                                            "@ container export, @ export",
                                            kExportFlags,
                                            nullptr,
                                            {1, 1},
                                            true,
                                            runExport};
constinit const Command kContainerCommit = {"[OPTIONS] CONTAINER [REPOSITORY[:TAG]]",
                                            "Create a new image from a container's changes",
                                            nullptr,
                                            "@ container commit, @ commit",
                                            kCommitFlags,
                                            nullptr,
                                            {1, 2},
                                            true,
                                            runCommit};

}  // namespace commands
