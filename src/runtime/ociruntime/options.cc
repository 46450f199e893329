#include "runtime/ociruntime/options.h"

#include <algorithm>
#include <functional>
#include <map>
#include <optional>

#include "platform/base/error.h"
#include "platform/base/strings.h"

namespace ociruntime {
namespace {

using base::Code;
using base::fail;

struct Flag {
  bool Options::*boolean = nullptr;
  std::string Options::*text = nullptr;
  int Options::*number = nullptr;
  const char* missing = nullptr;  // what runc can do with it and we cannot
};

using Flags = std::map<std::string, Flag>;

Flag flag(bool Options::*member) {
  return {member, nullptr, nullptr, nullptr};
}
Flag flag(std::string Options::*member) {
  return {nullptr, member, nullptr, nullptr};
}
Flag flag(int Options::*member) {
  return {nullptr, nullptr, member, nullptr};
}

const Flags& globalFlags() {
  static const Flags flags{{"root", flag(&Options::root)},   {"log", flag(&Options::log)},
                           {"debug", flag(&Options::debug)}, {"help", flag(&Options::help)},
                           {"h", flag(&Options::help)},      {"version", flag(&Options::version)},
                           {"v", flag(&Options::version)}};
  return flags;
}

const std::map<std::string, Flags>& commands() {
  static const auto table = [] {
    Flags create{{"bundle", flag(&Options::bundle)},
                 {"b", flag(&Options::bundle)},
                 {"console-socket", flag(&Options::consoleSocket)},
                 {"pidfd-socket", flag(&Options::pidfdSocket)},
                 {"pid-file", flag(&Options::pidFile)},
                 {"no-pivot", flag(&Options::noPivot)},
                 {"no-new-keyring", flag(&Options::noNewKeyring)},
                 {"preserve-fds", flag(&Options::preserveFds)}};
    Flags run = create;
    run["detach"] = run["d"] = flag(&Options::detach);
    run["keep"] = flag(&Options::keep);
    static bool Options::*const ignored = &Options::debug;
    run["no-subreaper"] = flag(ignored);  // nothing here makes itself a subreaper
    std::map<std::string, Flags> all{
        {"create", create}, {"run", run}, {"start", {}}, {"state", {}}};
    all["delete"] = {{"force", flag(&Options::force)}, {"f", flag(&Options::force)}};
    all["kill"] = {{"all", flag(&Options::all)}, {"a", flag(&Options::all)}};
    return all;
  }();
  return table;
}

constexpr const char* kNotYet[] = {"checkpoint", "events",  "exec",   "features", "list",  "pause",
                                   "ps",         "restore", "resume", "spec",     "update"};

class Parser {
 public:
  explicit Parser(const std::vector<std::string>& args) : args_(args) {}

  Options parse() {
    readFlags(globalFlags(), true);
    if (options_.help || options_.version || at_ == args_.size()) {
      options_.help |= !options_.version;
      return options_;
    }
    options_.command = args_[at_++];
    if (options_.command == "help") {
      options_.help = true;
      return options_;
    }
    const auto found = commands().find(options_.command);
    if (found == commands().end()) {
      for (const char* name : kNotYet) {
        if (options_.command == name)
          fail(Code::kNotImplemented, "the command {} is not built yet", base::quote(name));
      }
      fail(Code::kInvalidArgument, "No help topic for '{}'", options_.command);
    }
    readFlags(found->second, false);
    options_.arguments.assign(args_.begin() + static_cast<std::ptrdiff_t>(at_), args_.end());
    return options_;
  }

 private:
  void readFlags(const Flags& flags, bool global) {
    for (; at_ < args_.size(); ++at_) {
      const std::string& word = args_[at_];
      if (word.size() < 2 || word[0] != '-') return;
      if (word == "--") {
        ++at_;
        return;
      }
      const auto [given, value] =
          base::cut(std::string_view(word).substr(word[1] == '-' ? 2 : 1), '=');
      const std::string name(given);
      const auto text = value ? std::optional<std::string>(*value) : std::nullopt;
      if (global && readSpecial(name, text)) continue;
      const auto found = flags.find(name);
      if (found == flags.end())
        fail(Code::kInvalidArgument, "flag provided but not defined: -{}", name);
      assign(found->second, name, text);
    }
  }

  bool readSpecial(const std::string& name, const std::optional<std::string>& value) {
    if (name == "log-format") {
      const std::string format = valueOf(name, value);
      if (format != "text" && format != "json")
        fail(Code::kInvalidArgument, "invalid log-format: {}", format);
      options_.logJson = format == "json";
      return true;
    }
    if (name == "rootless") {
      if (valueOf(name, value) == "true") fail(Code::kNotImplemented, "rootless containers");
      return true;
    }
    if (name == "systemd-cgroup") {
      if (!value || base::parseBool(*value).value_or(true))
        fail(Code::kNotImplemented, "cgroups made by systemd");
      return true;
    }
    return false;
  }

  void assign(const Flag& flag, const std::string& name, const std::optional<std::string>& value) {
    if (flag.boolean) {
      const auto truth = value ? base::parseBool(*value) : std::optional<bool>(true);
      if (!truth)
        fail(Code::kInvalidArgument, "invalid boolean value {} for -{}", base::quote(*value), name);
      options_.*flag.boolean = *truth;
    } else if (flag.text) {
      options_.*flag.text = valueOf(name, value);
    } else {
      const auto number = base::parseInt(valueOf(name, value));
      if (!number || *number < 0 || *number > 1000)
        fail(Code::kInvalidArgument, "invalid value for flag -{}", name);
      options_.*flag.number = static_cast<int>(*number);
    }
  }

  std::string valueOf(const std::string& name, const std::optional<std::string>& value) {
    if (value) return *value;
    if (at_ + 1 >= args_.size()) fail(Code::kInvalidArgument, "flag needs an argument: -{}", name);
    return args_[++at_];
  }

  const std::vector<std::string>& args_;
  size_t at_ = 0;
  Options options_;
};

}  // namespace

Options parseOptions(const std::vector<std::string>& args) {
  return Parser(args).parse();
}

std::string helpText() {
  return R"(NAME:
   sampan-runtime - runs containers described by OCI bundles

USAGE:
   sampan-runtime [global options] command [command options] [arguments...]

COMMANDS:
   create   make a container and hold its program back until start
   run      create and start a container
   start    start the program of a created container
   state    print the state of a container as JSON
   kill     send a signal (default SIGTERM) to a container's first process
   delete   remove a stopped container

GLOBAL OPTIONS:
   --debug              more on the log
   --log value          file for errors (default: stderr)
   --log-format value   text or json (default: text)
   --root value         directory for the state of containers (default: /run/sampan-runtime)
   --systemd-cgroup     not built yet
   --rootless value     true is not built yet
   --help, -h           this text
   --version, -v        the version
)";
}

}  // namespace ociruntime
