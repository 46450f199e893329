// stop, kill, restart, rm, wait, rename, pause, unpause.
#include "cli/commands/commands.h"
#include "cli/commands/list_format.h"
#include "platform/base/strings.h"

namespace commands {
namespace {

constexpr Flag kStopFlags[] = {
    {"signal", 's', Kind::kString, "string", "Signal to send to the container"},
    {"time", 0, Kind::kInt, "int",
     "Seconds to wait before killing the container (deprecated: use --timeout)", "", nullptr,
     kHidden},
    {"timeout", 't', Kind::kInt, "int", "Seconds to wait before killing the container"},
};

constexpr Flag kKillFlags[] = {
    {"signal", 's', Kind::kString, "string", "Signal to send to the container"},
};

constexpr Flag kRmFlags[] = {
    {"force", 'f', Kind::kBool, "", "Force the removal of a running container (uses SIGKILL)"},
    {"link", 'l', Kind::kBool, "", "Remove the specified link"},
    {"volumes", 'v', Kind::kBool, "", "Remove anonymous volumes associated with the container"},
};

// The query of stop and restart.
client::QueryString stopQuery(Invocation& invocation) {
  const Flags& flags = invocation.flags;
  const bool timeout = flags.changed("timeout"), time = flags.changed("time");
  if (timeout && time)
    base::fail(base::Code::kInvalidArgument,
               "conflicting options: cannot specify both --timeout and --time");
  client::QueryString query;
  query.addIf(!flags.text("signal").empty(), "signal", flags.text("signal"));
  if (!flags.text("signal").empty()) invocation.cli.engine().ping(true);
  if (timeout || time)
    query.add("t", fmt::format("{}", flags.number(timeout ? "timeout" : "time")));
  return query;
}

int post(Invocation& invocation, const char* verb, const client::QueryString& query = {}) {
  forEachArgument(invocation, [&](const std::string& name) {
    invocation.cli.engine().call("POST", containerPath(name, verb), query);
    return true;
  });
  return 0;
}

int runStop(Invocation& invocation) {
  return post(invocation, "/stop", stopQuery(invocation));
}
int runRestart(Invocation& invocation) {
  return post(invocation, "/restart", stopQuery(invocation));
}
int runPause(Invocation& invocation) {
  return post(invocation, "/pause");
}
int runUnpause(Invocation& invocation) {
  return post(invocation, "/unpause");
}

int runKill(Invocation& invocation) {
  client::QueryString query;
  query.addIf(!invocation.flags.text("signal").empty(), "signal", invocation.flags.text("signal"));
  return post(invocation, "/kill", query);
}

int runRm(Invocation& invocation) {
  const Flags& flags = invocation.flags;
  client::QueryString query;
  query.addIf(flags.on("force"), "force")
      .addIf(flags.on("link"), "link")
      .addIf(flags.on("volumes"), "v");
  forEachArgument(invocation, [&](const std::string& name) {
    if (base::trim(name).empty())
      base::fail(base::Code::kInvalidArgument, "container name cannot be empty");
    try {
      invocation.cli.engine().call("DELETE", containerPath(name), query);
    } catch (const client::ApiError& error) {
      // With force, what is not there is as removed as it can be; it is still told.
      if (!flags.on("force") || !error.notFound()) throw;
      invocation.cli.warn(error.message());
      return false;
    }
    return true;
  });
  return 0;
}

int runWait(Invocation& invocation) {
  invocation.cli.engine().ping(true);
  forEachArgument(invocation, [&](const std::string& name) {
    const json::Value answer =
        invocation.cli.engine().postJson(containerPath(name, "/wait"), {}, json::Value());
    const std::string problem =
        answer["Error"].isObject() ? textAt(answer["Error"], "Message") : "";
    if (!problem.empty()) base::fail(base::Code::kInternal, "{}", problem);
    invocation.cli.print(fmt::format("{}\n", numberAt(answer, "StatusCode")));
    invocation.cli.flush();
    return false;
  });
  return 0;
}

int runRename(Invocation& invocation) {
  const std::string& from = invocation.args[0];
  const std::string& to = invocation.args[1];
  if (base::trim(from).empty() || base::trim(to).empty()) {
    base::fail(base::Code::kInvalidArgument, "Error: Neither old nor new names may be empty");
  }
  client::QueryString query;
  query.add("name", to);
  try {
    invocation.cli.engine().call("POST", containerPath(from, "/rename"), query);
  } catch (const base::Error& error) {
    invocation.cli.warn(error.message());
    base::fail(error.code(), "Error: failed to rename container named {}", from);
  }
  return 0;
}

}  // namespace

constinit const Command kContainerStop = {"[OPTIONS] CONTAINER [CONTAINER...]",
                                          "Stop one or more running containers",
                                          nullptr,
                                          "@ container stop, @ stop",
                                          kStopFlags,
                                          nullptr,
                                          {1, -1},
                                          true,
                                          runStop};
constinit const Command kContainerRestart = {"[OPTIONS] CONTAINER [CONTAINER...]",
                                             "Restart one or more containers",
                                             nullptr,
                                             "@ container restart, @ restart",
                                             kStopFlags,
                                             nullptr,
                                             {1, -1},
                                             true,
                                             runRestart};
constinit const Command kContainerKill = {"[OPTIONS] CONTAINER [CONTAINER...]",
                                          "Kill one or more running containers",
                                          nullptr,
                                          "@ container kill, @ kill",
                                          kKillFlags,
                                          nullptr,
                                          {1, -1},
                                          true,
                                          runKill};
constinit const Command kContainerRm = {"[OPTIONS] CONTAINER [CONTAINER...]",
                                        "Remove one or more containers",
                                        nullptr,
                                        "@ container rm, @ container remove, @ rm",
                                        kRmFlags,
                                        nullptr,
                                        {1, -1},
                                        true,
                                        runRm};
constinit const Command kContainerWait = {
    "CONTAINER [CONTAINER...]",
    "Block until one or more containers stop, then print their exit codes",
    nullptr,
    "@ container wait, @ wait",
    {},
    nullptr,
    {1, -1},
    true,
    runWait};
constinit const Command kContainerRename = {"CONTAINER NEW_NAME",
                                            "Rename a container",
                                            nullptr,
                                            "@ container rename, @ rename",
                                            {},
                                            nullptr,
                                            {2, 2},
                                            true,
                                            runRename};
constinit const Command kContainerPause = {"CONTAINER [CONTAINER...]",
                                           "Pause all processes within one or more containers",
                                           nullptr,
                                           "@ container pause, @ pause",
                                           {},
                                           nullptr,
                                           {1, -1},
                                           true,
                                           runPause};
constinit const Command kContainerUnpause = {"CONTAINER [CONTAINER...]",
                                             "Unpause all processes within one or more containers",
                                             nullptr,
                                             "@ container unpause, @ unpause",
                                             {},
                                             nullptr,
                                             {1, -1},
                                             true,
                                             runUnpause};

}  // namespace commands
