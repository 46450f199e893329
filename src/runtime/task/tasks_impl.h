// The inside of Tasks, shared by its source files.
#pragma once

#include <future>
#include <map>
#include <thread>

#include "platform/base/mutex.h"
#include "platform/sys/loop.h"
#include "runtime/shim/client.h"
#include "runtime/spec/plan_builder.h"
#include "runtime/task/groups.h"
#include "runtime/task/task.h"

namespace task {

// One task, from start() or recover() until forget().
struct Entry {
  struct Exec {
    std::string id;
    int pid = 0;
  };

  // Constant once it is in the table.
  std::string id;
  std::string cgroupPath;
  sys::Fd directory;
  sys::Fd pidfd;
  Running running;

  base::Mutex prepareMutex;  // one group of Exec … Go at a time
  base::Mutex mutex;
  std::shared_ptr<shim::Client> client GUARDED_BY(mutex);  // null: the shim is gone
  std::map<std::uint32_t, Exec> execs GUARDED_BY(mutex);   // by target
  std::map<std::uint64_t, std::function<void(bool)>> detachers GUARDED_BY(mutex);
  std::uint32_t nextTarget GUARDED_BY(mutex) = 1;
  std::uint64_t nextAttacher GUARDED_BY(mutex) = 1;
  bool ended GUARDED_BY(mutex) = false;
  int launching GUARDED_BY(mutex) = 0;  // execs on their way to execve
  base::Condition launched;

  // Counts one of them.
  class Launch {
   public:
    explicit Launch(Entry& of) : entry_(of) {
      const base::Lock lock(entry_.mutex);
      ++entry_.launching;
    }
    ~Launch() {
      const base::Lock lock(entry_.mutex);
      if (--entry_.launching == 0) entry_.launched.notifyAll();
    }
    Launch(const Launch&) = delete;
    Launch& operator=(const Launch&) = delete;

   private:
    Entry& entry_;
  };

  // Error kConflict `container <id> is not running`.
  std::shared_ptr<shim::Client> talk();
  // Error kNotFound.
  std::uint32_t targetOf(const std::string& exec);
};

// Our ends of a process's pipes, and the container's.
struct Pipes {
  std::vector<sys::Fd> ours;  // stdin if open, stdout, stderr; none with a terminal
  sys::Fd theirs[3];
};
Pipes makePipes(const Stdio& stdio);
std::uint32_t stdioFlags(const Stdio& stdio);
// What the launch looks up inside the container; nullopt: nothing, the numbers stand.
std::optional<std::string> userText(const std::string& user, const std::vector<std::string>& groups,
                                    const oci::User& numbers);

// `message` with `fds` and as many of `planFds` as one message takes, the rest in Fds messages
// behind it.
template <class T>
void sendWithPlanFds(shim::Client& client, const T& message, std::vector<int> fds,
                     const std::vector<int>& planFds) {
  std::size_t at = 0;
  while (at < planFds.size() && fds.size() < shimwire::kMaxFds) fds.push_back(planFds[at++]);
  client.send(message, fds);
  auto more = shimwire::make<shimwire::Fds>(0, shimwire::kQuiet);
  if constexpr (requires { message.target; }) more.target = message.target;
  while (at < planFds.size()) {
    fds.clear();
    while (at < planFds.size() && fds.size() < shimwire::kMaxFds) fds.push_back(planFds[at++]);
    client.send(more, fds);
  }
}

struct Tasks::Impl {
  explicit Impl(Options given);
  ~Impl();

  std::shared_ptr<Entry> find(const std::string& id) const;
  std::shared_ptr<Entry> get(const std::string& id) const;  // Error kNotFound
  void insert(const std::shared_ptr<Entry>& entry);

  // start.cc
  std::unique_ptr<Preparation::State> prepare(const std::string& id, const std::string& cgroupPath);
  Running start(StartRequest request, Preparation::State& prepared);
  spec::Plan plan(StartRequest& request, const cgroup::Group& group, Pipes& pipes) const;
  void sendStart(shim::Client& client, StartRequest& request, const spec::Plan& plan,
                 const cgroup::Group& group, const Pipes& pipes) const;
  void undoStart(Entry& entry, shim::Program::Spawned& spawned, bool cgroupMade) const;

  // exec.cc
  Running exec(ExecRequest request, const std::function<void()>& begun);
  void attach(Entry& entry, shim::Client& client, std::uint32_t target, Attacher& attacher,
              bool quiet);
  shim::Answer sendExec(Entry& entry, shim::Client& client, std::uint32_t target,
                        ExecRequest& request, const std::function<void()>& begun);

  // watch.cc. watch() hands the client on to whoever asks the entry; the others run on the loop.
  void watch(const std::shared_ptr<Entry>& entry, const std::shared_ptr<shim::Client>& client);
  void reapLater(sys::Child process);
  void onExited(Entry& entry, const shimwire::Exited& exited);
  void onDetached(Entry& entry, std::uint64_t number, bool byKeys);
  void onLost(const std::shared_ptr<Entry>& entry);
  bool reconnect(const std::shared_ptr<Entry>& entry);
  void finish(Entry& entry, const Exit& exit, const std::vector<shimwire::ExecExit>& execs);
  void report(const Exit& exit);

  // recover.cc
  std::vector<Recovered> recover();
  std::optional<Recovered> recoverOne(const std::string& id);
  void adopt(Entry& entry, const shim::Client::Known& known) const;
  Exit exitOfRecord(const std::string& id, const shim::ExitInfo& info) const;
  Exit lostExit(const std::string& id, const std::string& reason) const;
  void forget(const std::string& id);
  void removeDirectory(const std::string& id) const;

  Options options;
  sys::Fd directory;  // <exec-root>/task
  shim::Program program;
  std::string shimFault;  // SAMPAN_FAULT's entry for the shim
  mutable base::Mutex mutex;
  std::map<std::string, std::shared_ptr<Entry>> entries GUARDED_BY(mutex);
  // Tasks between Go and its answer.
  std::map<std::string, std::shared_ptr<shim::Client>> launching GUARDED_BY(mutex);
  std::function<void(const Exit&)> onExit GUARDED_BY(mutex);
  std::vector<Exit> early GUARDED_BY(mutex);  // reported before there was somebody to tell
  sys::Loop loop;
  Groups groups;
  std::thread watcher;
};

// What a start has made so far; takes it back unless `kept`.
struct Preparation::State {
  explicit State(Tasks::Impl& impl) : impl(impl), entry(std::make_shared<Entry>()) {}
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State();
  shim::Program::Spawned& shim();  // waits for it; its error, once

  Tasks::Impl& impl;
  std::shared_ptr<Entry> entry;
  std::future<shim::Program::Spawned> coming;
  shim::Program::Spawned spawned;
  bool cgroupMade = false;
  bool counted = false;  // in groups
  bool kept = false;
};

}  // namespace task
