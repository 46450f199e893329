// stats.
#include <poll.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "cli/commands/commands.h"
#include "cli/commands/stats_row.h"
#include "platform/base/strings.h"
#include "platform/base/time.h"

namespace commands {
namespace {

constexpr Flag kFlags[] = {
    {"all", 'a', Kind::kBool, "", "Show all containers (default shows just running)"},
    {"format", 0, Kind::kString, "string", kListFormatUsage},
    {"no-stream", 0, Kind::kBool, "", "Disable streaming stats and only pull the first result"},
    {"no-trunc", 0, Kind::kBool, "", "Do not truncate output"},
};

constexpr int kRedrawMs = 500;

// One container that is watched.
struct Watched {
  std::string asked;
  std::unique_ptr<http::ClientResponse> response;  // null once its stream has ended
  json::Splitter splitter;
  json::Value sample;
  int samples = 0;
  bool gone = false;  // it is no more: leaves the table
};

// Shows the table anew until nothing is left to watch, or once.
class StatsDisplay {
 public:
  StatsDisplay(Cli& cli, const Flags& flags)
      : cli_(cli), flags_(flags), once_(flags.on("no-stream")) {
    format_ = flags.text("format");
    if (format_.empty()) format_ = cli.config().text("statsFormat");
  }

  void watch(const std::string& name) {
    for (const auto& known : watched_) {
      if (known->asked == name) return;
    }
    auto watched = std::make_unique<Watched>();
    watched->asked = name;
    client::QueryString query;
    query.add("stream", "1");
    try {
      watched->response = cli_.engine().open("GET", containerPath(name, "/stats"), query);
    } catch (const client::ApiError& error) {
      if (!error.notFound()) throw;
      errors_.push_back(error.message());
      return;
    }
    watched_.push_back(std::move(watched));
  }

  void watchEvents() {
    client::QueryString query;
    query.add("filters", client::encodeFilters({{"type", {{"container", true}}}}));
    events_ = cli_.engine().open("GET", "/events", query);
  }

  void forget(const std::string& id) {
    for (auto& watched : watched_) watched->gone = watched->gone || watched->asked == id;
    std::erase_if(watched_, [](const auto& watched) { return watched->gone; });
  }

  int run() {
    if (!errors_.empty()) throw Exit(1, base::join(errors_, "\n"));
    if (once_) {
      while (!complete()) wait(-1);
      cli_.print(table());
      return 0;
    }
    cli_.print("\x1b[H\x1b[2J");
    std::int64_t next = 0;
    while (events_ || !watched_.empty()) {
      const std::int64_t now = base::monotonicNs();
      if (now >= next) {
        draw();
        next = now + kRedrawMs * 1'000'000ll;
      }
      wait(kRedrawMs);
      const bool alive = std::any_of(watched_.begin(), watched_.end(), [](const auto& watched) {
        return watched->response != nullptr;
      });
      if (!events_ && !alive) break;
    }
    draw();
    return 0;
  }

 private:
  // The second sample of a running container is the first that tells how busy it is.
  bool complete() const {
    return std::all_of(watched_.begin(), watched_.end(), [](const auto& watched) {
      return !watched->response || watched->samples >= 2 ||
             (watched->samples == 1 && idle(watched->sample));
    });
  }
  static bool idle(const json::Value& sample) {
    return textAt(sample, "read").starts_with("0001-");
  }

  void wait(int timeoutMs) {
    std::vector<pollfd> polls;
    for (const auto& watched : watched_) {
      polls.push_back(
          {watched->response && (!once_ || watched->samples < 2) ? watched->response->pollFd() : -1,
           POLLIN, 0});
    }
    polls.push_back({events_ ? events_->pollFd() : -1, POLLIN, 0});
    const int ready = ::poll(polls.data(), polls.size(), timeoutMs);
    if (ready < 0 && errno != EINTR) base::failErrno(errno, "poll", "stats");
    if (ready <= 0) return;
    const bool event = polls.back().revents != 0;
    for (size_t i = 0; i + 1 < polls.size(); ++i) {
      if (polls[i].revents) readSample(*watched_[i]);
    }
    if (event) readEvents();
  }

  void readSample(Watched& watched) {
    std::array<char, 65536> buffer;
    const size_t n = watched.response->read(buffer);
    if (n == 0) watched.response.reset();
    watched.splitter.push({buffer.data(), n});
    while (const auto text = watched.splitter.next()) {
      watched.sample = json::Value::parse(*text);
      ++watched.samples;
    }
  }

  void readEvents() {
    std::array<char, 16384> buffer;
    const size_t n = events_->read(buffer);
    if (n == 0) {
      events_.reset();
      return;
    }
    event_splitter_.push({buffer.data(), n});
    while (const auto text = event_splitter_.next()) {
      const json::Value event = json::Value::parse(*text);
      const std::string id = textAt(event["Actor"], "ID"), action = textAt(event, "Action");
      if (action == "start" || (action == "create" && flags_.on("all"))) watch(id);
      if (action == "destroy" || (action == "die" && !flags_.on("all"))) forget(id);
    }
  }

  std::string table() const {
    std::vector<Row> rows;
    for (const auto& watched : watched_)
      rows.push_back(statsRow(watched->sample, watched->asked, !flags_.on("no-trunc")));
    return renderList(statsView(), format_, rows);
  }

  void draw() {
    std::string text = "\x1b[H";
    const std::string body = table();
    for (const std::string& line :
         base::split(std::string_view(body).substr(0, body.empty() ? 0 : body.size() - 1), '\n'))
      text += line + " \x1b[K\n";
    cli_.print(text + "\x1b[J");
    cli_.flush();
  }

  Cli& cli_;
  const Flags& flags_;
  bool once_;
  std::string format_;
  std::vector<std::unique_ptr<Watched>> watched_;
  std::vector<std::string> errors_;
  std::unique_ptr<http::ClientResponse> events_;
  json::Splitter event_splitter_;
};

int runStats(Invocation& invocation) {
  Cli& cli = invocation.cli;
  const Flags& flags = invocation.flags;
  StatsDisplay display(cli, flags);
  if (!invocation.args.empty()) {
    for (const std::string& name : invocation.args) display.watch(name);
    return display.run();
  }
  if (!flags.on("no-stream")) display.watchEvents();
  client::QueryString query;
  query.addIf(flags.on("all"), "all");
  const json::Value containers = cli.engine().getJson("/containers/json", query);
  for (const json::Value& container : containers.asArray()) display.watch(textAt(container, "Id"));
  return display.run();
}

}  // namespace

constinit const Command kContainerStats = {
    "[OPTIONS] [CONTAINER...]",
    "Display a live stream of container(s) resource usage statistics",
    nullptr,
    "@ container stats, @ stats",
    kFlags,
    nullptr,
    {0, -1},
    true,
    runStats};

}  // namespace commands
