// The shim's loop in this build (and its sanitizers), driven by bare messages: a child process runs
// it as the program sampan-shim does, with plans that only execute a program.
#include "runtime/shimserver/server.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

namespace shimserver {
namespace {

using ::testing::HasSubstr;

// A plan with argv and stdio, by hand: this library knows no writer of plans.
std::string planOf(const std::vector<std::string>& argv, bool withStdin) {
  std::string bytes(sizeof(launch::PlanRoot), '\0');
  const auto append = [&](std::string_view text) {
    const launch::Text at{static_cast<std::uint32_t>(bytes.size()),
                          static_cast<std::uint32_t>(text.size())};
    bytes.append(text).push_back('\0');
    while (bytes.size() % 8 != 0) bytes.push_back('\0');
    return at;
  };
  std::vector<launch::Text> texts;
  for (const std::string& one : argv) texts.push_back(append(one));
  const auto listAt = static_cast<std::uint32_t>(bytes.size());
  bytes.append(reinterpret_cast<const char*>(texts.data()), texts.size() * sizeof(launch::Text));
  const launch::Text cwd = append("/");
  launch::PlanRoot root{};
  root.magic = launch::kPlanMagic;
  root.version = launch::kPlanVersion;
  root.size = static_cast<std::uint32_t>(bytes.size());
  root.rootSize = sizeof root;
  root.fdCount = withStdin ? 3 : 2;
  root.argv = {listAt, static_cast<std::uint32_t>(texts.size())};
  root.cwd = cwd;
  if (withStdin) root.stdio[0] = 3;
  root.stdio[1] = 1;
  root.stdio[2] = 2;
  std::memcpy(bytes.data(), &root, sizeof root);
  return bytes;
}

int memfdOf(const std::string& bytes) {
  const int fd = memfd_create("plan", MFD_CLOEXEC);
  EXPECT_EQ(write(fd, bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
  return fd;
}

struct Heard {
  std::string bytes;
  std::vector<int> fds;
  shimwire::Type type() const {
    shimwire::Header header{};
    std::memcpy(&header, bytes.data(), std::min(bytes.size(), sizeof header));
    return header.type;
  }
  template <class T>
  T as() const {
    T message;
    EXPECT_TRUE(shimwire::decode(bytes.data(), bytes.size(), message));
    return message;
  }
};

class ServerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/sampan-shim-XXXXXX";
    ASSERT_NE(mkdtemp(name), nullptr);
    base_ = name;
    std::ofstream(base_ + "/status") << std::string(4096, '\0');
    int pair[2];
    ASSERT_EQ(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
    socket_ = pair[0];
    const int listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    sockaddr_un address = addressOf();
    ASSERT_EQ(bind(listener, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    ASSERT_EQ(listen(listener, 8), 0);
    const int directory = open(base_.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC);
    shim_ = fork();
    if (shim_ == 0) {
      // Away from 3, 4, 5 first: they may be among these.
      const int a = fcntl(pair[1], F_DUPFD, 100), b = fcntl(listener, F_DUPFD, 100),
                c = fcntl(directory, F_DUPFD, 100);
      dup2(a, 3), dup2(b, 4), dup2(c, 5);
      close_range(6, ~0U, 0);
      static Server server;
      _exit(server.run());
    }
    close(pair[1]);
    close(listener);
    close(directory);
  }

  void TearDown() override {
    close(socket_);
    kill(shim_, SIGKILL);
    int status = 0;
    if (!reaped_) waitpid(shim_, &status, 0);
    std::error_code ignored;
    const std::string remove = "rm -rf " + base_;
    ASSERT_EQ(std::system(remove.c_str()), 0);
  }

  sockaddr_un addressOf() const {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strcpy(address.sun_path, (base_ + "/shim.sock").c_str());
    return address;
  }

  void sendBytes(const void* bytes, size_t size, const std::vector<int>& fds = {}) {
    iovec piece{const_cast<void*>(bytes), size};
    std::vector<char> control(CMSG_SPACE(sizeof(int) * std::max<size_t>(fds.size(), 1)));
    msghdr message{};
    message.msg_iov = &piece;
    message.msg_iovlen = 1;
    if (!fds.empty()) {
      message.msg_control = control.data();
      message.msg_controllen = CMSG_SPACE(sizeof(int) * fds.size());
      cmsghdr* header = CMSG_FIRSTHDR(&message);
      header->cmsg_level = SOL_SOCKET;
      header->cmsg_type = SCM_RIGHTS;
      header->cmsg_len = CMSG_LEN(sizeof(int) * fds.size());
      std::memcpy(CMSG_DATA(header), fds.data(), sizeof(int) * fds.size());
    }
    ASSERT_EQ(sendmsg(socket_, &message, MSG_NOSIGNAL), static_cast<ssize_t>(size));
  }
  template <class T>
  void say(const T& message, const std::vector<int>& fds = {}) {
    sendBytes(&message, sizeof message, fds);
  }

  // nullopt: the shim closed, or said nothing for ten seconds.
  std::optional<Heard> hear() {
    pollfd query{socket_, POLLIN, 0};
    if (poll(&query, 1, 10000) != 1) return std::nullopt;
    Heard heard;
    heard.bytes.resize(8192);
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int) * 128)];
    iovec piece{heard.bytes.data(), heard.bytes.size()};
    msghdr message{};
    message.msg_iov = &piece;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    const ssize_t n = recvmsg(socket_, &message, MSG_CMSG_CLOEXEC);
    if (n <= 0) return std::nullopt;
    heard.bytes.resize(static_cast<size_t>(n));
    if (cmsghdr* header = CMSG_FIRSTHDR(&message)) {
      heard.fds.resize((header->cmsg_len - CMSG_LEN(0)) / sizeof(int));
      std::memcpy(heard.fds.data(), CMSG_DATA(header), heard.fds.size() * sizeof(int));
    }
    return heard;
  }
  // The next message of this kind; others are passed over.
  template <class T>
  T hear() {
    while (auto heard = hear()) {
      if (heard->type() == T::kType) return heard->as<T>();
    }
    ADD_FAILURE() << "the shim said nothing of type " << static_cast<int>(T::kType);
    return {};
  }

  struct Pipes {
    int in = -1, out = -1, err = -1;                // ours
    int inRead = -1, outWrite = -1, errWrite = -1;  // the program's
  };
  static Pipes makePipes() {
    int in[2], out[2], err[2];
    EXPECT_EQ(pipe2(in, O_CLOEXEC) | pipe2(out, O_CLOEXEC) | pipe2(err, O_CLOEXEC), 0);
    return {in[1], out[0], err[0], in[0], out[1], err[1]};
  }
  static void closeAll(const Pipes& pipes) {
    for (const int fd :
         {pipes.in, pipes.out, pipes.err, pipes.inRead, pipes.outWrite, pipes.errWrite})
      close(fd);
  }

  void begin(const std::string& script, bool withStdin = false, std::uint32_t target = 0) {
    const std::string plan = planOf({"/bin/sh", "-c", script}, withStdin);
    const int memfd = memfdOf(plan);
    const Pipes pipes = makePipes();
    std::vector<int> fds{memfd};
    if (withStdin) fds.push_back(pipes.in);
    fds.insert(fds.end(), {pipes.out, pipes.err});
    const auto fill = [&](auto& message) {
      message.flags |= withStdin ? shimwire::kOpenStdin | shimwire::kStdinOnce : 0;
      message.planBytes = static_cast<std::uint32_t>(plan.size());
      message.planFds = withStdin ? 3 : 2;
    };
    const int logs = open(base_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (target == 0) {
      auto start = shimwire::make<shimwire::Start>(1, shimwire::kQuiet);
      start.flags = shimwire::kLog;
      fill(start);
      start.logFiles = 1;
      std::strcpy(start.logName, "log");
      fds.push_back(logs);
      fds.insert(fds.end(), {pipes.outWrite, pipes.errWrite});
      if (withStdin) fds.push_back(pipes.inRead);
      say(start, fds);
    } else {
      auto exec = shimwire::make<shimwire::Exec>(1, shimwire::kQuiet);
      exec.target = target;
      fill(exec);
      std::memset(exec.id, 'e', sizeof exec.id);
      fds.insert(fds.end(), {pipes.outWrite, pipes.errWrite});
      if (withStdin) fds.push_back(pipes.inRead);
      say(exec, fds);
    }
    close(logs);
    close(memfd);
    closeAll(pipes);
  }
  shimwire::Reply go(std::uint32_t target = 0) {
    auto message = shimwire::make<shimwire::Go>(42);
    message.target = target;
    say(message);
    for (;;) {
      const auto reply = hear<shimwire::Reply>();
      if (reply.header.sequence == 42 || HasFailure()) return reply;
    }
  }
  // Attaches and returns the client's end.
  int attach(std::uint32_t target, std::uint32_t flags, std::uint64_t number = 7) {
    int pair[2];
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    auto message = shimwire::make<shimwire::Attach>(3, shimwire::kQuiet);
    message.target = target;
    message.flags = flags;
    message.number = number;
    say(message, {pair[1]});
    close(pair[1]);
    return pair[0];
  }
  static std::string readAll(int fd) {
    std::string all;
    char bytes[4096];
    for (ssize_t n; (n = read(fd, bytes, sizeof bytes)) > 0;)
      all.append(bytes, static_cast<size_t>(n));
    close(fd);
    return all;
  }
  int shimExit() {
    int status = 0;
    for (int i = 0; i < 500; ++i) {
      if (waitpid(shim_, &status, WNOHANG) == shim_) {
        reaped_ = true;
        return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
      }
      usleep(10'000);
    }
    return -1;
  }
  std::string file(const std::string& name) {
    std::ifstream in(base_ + "/" + name);
    std::ostringstream text;
    text << in.rdbuf();
    return text.str();
  }
  void reconnect() {
    close(socket_);
    socket_ = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    const sockaddr_un address = addressOf();
    ASSERT_EQ(connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  }

  std::string base_;
  int socket_ = -1;
  pid_t shim_ = -1;
  bool reaped_ = false;
};

constexpr std::uint32_t kBoth = shimwire::kAttachOut | shimwire::kAttachErr;

TEST_F(ServerTest, StartsReportsLogsAndLeaves) {
  begin("echo out; echo err >&2; exit 3");
  const int client = attach(0, kBoth | shimwire::kAttachFramed);
  const auto reply = go();
  EXPECT_EQ(reply.failed, 0u) << reply.text;
  EXPECT_GT(reply.pid, 0);
  const std::string bytes = readAll(client);
  EXPECT_THAT(bytes, HasSubstr(std::string("\1\0\0\0\0\0\0\4out\n", 12)));
  EXPECT_THAT(bytes, HasSubstr(std::string("\2\0\0\0\0\0\0\4err\n", 12)));
  const auto exited = hear<shimwire::Exited>();
  EXPECT_EQ(exited.code, 3);
  EXPECT_EQ(shimExit(), 0) << "an exited container must not cost a process";
  EXPECT_THAT(file("log"), HasSubstr("{\"log\":\"out\\n\",\"stream\":\"stdout\""));
  shimwire::ExitRecord record;
  const std::string text = file("exit");
  ASSERT_EQ(text.size(), sizeof record);
  std::memcpy(&record, text.data(), sizeof record);
  EXPECT_EQ(record.magic, shimwire::kExitMagic);
  EXPECT_EQ(record.code, 3);
}

TEST_F(ServerTest, AProgramThatEndsAtOnceIsReportedInOrder) {
  begin("exit 0");
  EXPECT_EQ(go().failed, 0u);
  EXPECT_EQ(hear<shimwire::Exited>().code, 0);
}

TEST_F(ServerTest, LeavesWhenTheDaemonGoesBeforeGo) {
  begin("sleep 100");
  close(socket_);
  socket_ = -1;
  EXPECT_EQ(shimExit(), 0);
  EXPECT_EQ(file("exit"), "");
}

TEST_F(ServerTest, ARefusedPlanIsAnAnswerAndTheEnd) {
  auto start = shimwire::make<shimwire::Start>(1, shimwire::kQuiet);
  const int memfd = memfdOf("this is no plan, by far no plan at all");
  start.planBytes = 38;
  const Pipes pipes = makePipes();
  say(start, {memfd, pipes.out, pipes.err});
  closeAll(pipes);
  close(memfd);
  const auto reply = go();
  EXPECT_EQ(reply.failed, 1u);
  EXPECT_STRNE(reply.text, "");
  EXPECT_EQ(shimExit(), 0);
}

TEST_F(ServerTest, MissingDescriptorsAreAnAnswer) {
  auto start = shimwire::make<shimwire::Start>(1, shimwire::kQuiet);
  const std::string plan = planOf({"/bin/true"}, false);
  const int memfd = memfdOf(plan);
  start.planBytes = static_cast<std::uint32_t>(plan.size());
  start.planFds = 2;
  say(start, {memfd});
  close(memfd);
  const auto reply = go();
  EXPECT_EQ(reply.failed, 1u);
  EXPECT_STREQ(reply.text, "descriptors are missing");
}

TEST_F(ServerTest, NonsenseIsAnsweredAndHurtsNothing) {
  begin("read x; exit 5", true);
  EXPECT_EQ(go().failed, 0u);
  for (int type = 0; type < 130; ++type) {
    for (const size_t size : {size_t{8}, size_t{12}, size_t{16}, size_t{500}, size_t{4096}}) {
      // Signals would be obeyed; to store nothing is no mistake; Exec and Hello are tested
      // elsewhere.
      if (type == 4 || type == 7 || type == 9 || type == 11) continue;
      std::vector<std::uint8_t> bytes(size, static_cast<std::uint8_t>(type * 7 + size));
      shimwire::Header header{static_cast<shimwire::Type>(type), 0, 99};
      std::memcpy(bytes.data(), &header, sizeof header);
      sendBytes(bytes.data(), bytes.size());
      const auto reply = hear<shimwire::Reply>();
      EXPECT_EQ(reply.header.sequence, 99u);
      EXPECT_EQ(reply.failed, 1u) << "type " << type << " size " << size;
    }
  }
  auto close = shimwire::make<shimwire::CloseStdin>(5);
  say(close);
  EXPECT_EQ(hear<shimwire::Exited>().code, 5);
}

TEST_F(ServerTest, ExecsAreToldAgainUntilForgotten) {
  begin("read x; exit 0", true);
  ASSERT_EQ(go().failed, 0u);
  begin("exit 11", false, 5);
  const int client = attach(5, kBoth);
  ASSERT_EQ(go(5).failed, 0u);
  EXPECT_EQ(readAll(client), "");
  EXPECT_EQ(hear<shimwire::Exited>().code, 11);
  for (int round = 0; round < 2; ++round) {
    reconnect();
    auto hello = shimwire::make<shimwire::Hello>(1);
    hello.version = shimwire::kVersion;
    say(hello);
    const auto state = hear<shimwire::State>();
    EXPECT_EQ(state.nextTarget, 6u);
    EXPECT_EQ(state.nextAttacher, 8u);
    EXPECT_GT(state.pid, 0);
    const auto exited = hear<shimwire::Exited>();
    EXPECT_EQ(exited.target, 5u);
    EXPECT_EQ(exited.code, 11);
  }
  auto forget = shimwire::make<shimwire::Forget>(2);
  forget.target = 5;
  say(forget);
  while (hear<shimwire::Reply>().header.sequence != 2) {
  }
  reconnect();
  say(shimwire::make<shimwire::Hello>(3));
  hear<shimwire::State>();
  const auto next = hear();
  ASSERT_TRUE(next.has_value());
  EXPECT_EQ(next->type(), shimwire::Type::kReply) << "it was forgotten";
}

TEST_F(ServerTest, AnUnforgottenExecStandsInTheRecord) {
  begin("read x; exit 0", true);
  ASSERT_EQ(go().failed, 0u);
  begin("exit 11", false, 9);
  ASSERT_EQ(go(9).failed, 0u);
  hear<shimwire::Exited>();
  say(shimwire::make<shimwire::CloseStdin>(1));
  EXPECT_EQ(shimExit(), 0);
  const std::string text = file("exit");
  ASSERT_EQ(text.size(), sizeof(shimwire::ExitRecord) + sizeof(shimwire::ExecExit));
  shimwire::ExecExit exec;
  std::memcpy(&exec, text.data() + sizeof(shimwire::ExitRecord), sizeof exec);
  EXPECT_EQ(exec.code, 11);
  EXPECT_EQ(std::string(exec.id, 64), std::string(64, 'e'));
}

// Without a pid namespace an exec outlives the task; the shim must not wait for it, nor leave it.
TEST_F(ServerTest, ExecsEndWithTheTask) {
  begin("read x; exit 0", true);
  ASSERT_EQ(go().failed, 0u);
  begin("sleep 100", false, 1);
  const auto exec = go(1);
  ASSERT_EQ(exec.failed, 0u);
  say(shimwire::make<shimwire::CloseStdin>(1));
  EXPECT_EQ(shimExit(), 0);
  EXPECT_NE(kill(exec.pid, 0), 0);
}

TEST_F(ServerTest, ABackgroundProcessThatKeepsTheOutputDoesNotDelayTheExit) {
  begin("sleep 3 & echo done");
  ASSERT_EQ(go().failed, 0u);
  const auto start = std::chrono::steady_clock::now();
  EXPECT_EQ(hear<shimwire::Exited>().code, 0);
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::milliseconds(2000));
  EXPECT_THAT(file("log"), HasSubstr("done"));
}

TEST_F(ServerTest, AClientThatClosesIsToldAndForgotten) {
  begin("read x; echo bye; exit 0", true);
  ASSERT_EQ(go().failed, 0u);
  for (std::uint64_t number = 100; number < 400; ++number) {
    const int client = attach(0, kBoth, number);
    close(client);
    EXPECT_EQ(hear<shimwire::Detached>().number, number);
  }
}

TEST_F(ServerTest, MoreClientsThanTheTableHoldsAreRefused) {
  begin("read x", true);
  ASSERT_EQ(go().failed, 0u);
  std::vector<int> clients;
  for (size_t i = 0; i < shimwire::kMaxAttachers; ++i) clients.push_back(attach(0, kBoth, i + 1));
  int pair[2];
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
  auto message = shimwire::make<shimwire::Attach>(77);
  message.flags = kBoth;
  message.number = 1000;
  say(message, {pair[1]});
  EXPECT_EQ(hear<shimwire::Reply>().error, ENOSPC);
  for (const int client : clients) close(client);
  close(pair[0]);
  close(pair[1]);
}

TEST_F(ServerTest, WhatTheTaskOrphanedIsReaped) {
  begin("i=0; while [ $i -lt 20 ]; do (sleep 0.01 &) ; i=$((i+1)); done; sleep 0.5; read x", true);
  ASSERT_EQ(go().failed, 0u);
  usleep(300'000);
  int zombies = 0;
  const std::string children = [&] {
    std::ifstream in("/proc/" + std::to_string(shim_) + "/task/" + std::to_string(shim_) +
                     "/children");
    std::ostringstream text;
    text << in.rdbuf();
    return text.str();
  }();
  std::istringstream list(children);
  for (int pid; list >> pid;) {
    std::ifstream stat("/proc/" + std::to_string(pid) + "/stat");
    std::ostringstream text;
    text << stat.rdbuf();
    zombies += text.str().find(") Z ") != std::string::npos;
  }
  EXPECT_EQ(zombies, 0) << children;
}

}  // namespace
}  // namespace shimserver
