#include "platform/sys/socket.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <thread>

#include "platform/base/error.h"
#include "platform/sys/check.h"
#include "platform/sys/file.h"

namespace {

std::span<const std::byte> bytesOf(std::string_view text) {
  return std::as_bytes(std::span(text));
}
std::string textOf(const sys::Message& message) {
  return {reinterpret_cast<const char*>(message.bytes.data()), message.bytes.size()};
}
template <class Body>
int errnoOf(Body&& body) {
  try {
    body();
    return 0;
  } catch (const base::Error& error) {
    return error.sysErrno();
  }
}

class Sockets : public testing::Test {
 protected:
  Sockets() {
    char name[] = "/tmp/sampan-socket-XXXXXX";
    path_ = ::mkdtemp(name);
    // Far beyond what sun_path holds.
    for (int i = 0; i < 10; ++i) deep_ += "a-directory-with-a-long-name/";
    dir_ = sys::makeDirs(AT_FDCWD, path_ + "/" + deep_, 0755);
  }
  ~Sockets() override { std::filesystem::remove_all(path_); }

  std::string path_;
  std::string deep_;
  sys::Fd dir_;
};

TEST_F(Sockets, ListenAndConnectWherePathsAreTooLong) {
  const auto listener = sys::listenUnix(dir_.get(), "s.sock", SOCK_SEQPACKET, 0660, 12);
  const auto status = sys::statAt(dir_.get(), "s.sock");
  EXPECT_EQ(status.st_mode & 07777, 0660u);
  EXPECT_EQ(status.st_gid, 12u);
  const auto client = sys::connectUnix(dir_.get(), "s.sock", SOCK_SEQPACKET);
  const auto second = sys::connectUnixPath(path_ + "/" + deep_ + "s.sock", SOCK_SEQPACKET);
  const sys::Fd server(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
  sys::sendMessage(client.get(), bytesOf("hello"));
  EXPECT_EQ(textOf(sys::receiveMessage(server.get())), "hello");
}

TEST_F(Sockets, AStaleSocketIsReplacedAFileIsNot) {
  sys::listenUnix(dir_.get(), "s.sock", SOCK_STREAM, 0600).reset();
  EXPECT_EQ(errnoOf([&] { sys::connectUnix(dir_.get(), "s.sock", SOCK_STREAM); }), ECONNREFUSED);
  const auto listener = sys::listenUnix(dir_.get(), "s.sock", SOCK_STREAM, 0600);
  sys::connectUnix(dir_.get(), "s.sock", SOCK_STREAM);
  EXPECT_EQ(errnoOf([&] { sys::connectUnix(dir_.get(), "none", SOCK_STREAM); }), ENOENT);
  sys::writeAtomic(dir_.get(), "file", "precious", 0600);
  EXPECT_EQ(errnoOf([&] { sys::listenUnix(dir_.get(), "file", SOCK_STREAM, 0600); }), EEXIST);
  EXPECT_EQ(sys::readFile(dir_.get(), "file"), "precious");
}

TEST_F(Sockets, DescriptorsTravel) {
  const auto [a, b] = sys::socketPair(SOCK_SEQPACKET);
  sys::writeAtomic(dir_.get(), "file", "content", 0600);
  std::vector<sys::Fd> files;
  std::vector<int> numbers;
  for (int i = 0; i < 253; ++i) {
    files.push_back(sys::openAt(dir_.get(), "file", O_RDONLY));
    numbers.push_back(files.back().get());
  }
  sys::sendMessage(a.get(), bytesOf("x"), numbers);
  const auto message = sys::receiveMessage(b.get());
  ASSERT_EQ(message.fds.size(), 253u);
  for (const auto& fd : message.fds) EXPECT_NE(::fcntl(fd.get(), F_GETFD) & FD_CLOEXEC, 0);
  EXPECT_EQ(sys::readAll(message.fds[252].get()), "content");
  numbers.push_back(numbers[0]);
  EXPECT_EQ(errnoOf([&] { sys::sendMessage(a.get(), bytesOf("x"), numbers); }), EINVAL);
}

TEST_F(Sockets, TruncationIsAnErrorAndLeaksNothing) {
  const auto [a, b] = sys::socketPair(SOCK_SEQPACKET);
  const size_t before = sys::listDir(AT_FDCWD, "/proc/self/fd").size();
  const int one[] = {dir_.get()};
  sys::sendMessage(a.get(), bytesOf("0123456789"), one);
  EXPECT_EQ(errnoOf([&] { sys::receiveMessage(b.get(), 4); }), EMSGSIZE);
  EXPECT_EQ(sys::listDir(AT_FDCWD, "/proc/self/fd").size(), before);
}

TEST_F(Sockets, AGonePeerIsEofOrEpipeWithoutASignal) {
  auto [a, b] = sys::socketPair(SOCK_STREAM);
  a.reset();
  const auto message = sys::receiveMessage(b.get());
  EXPECT_TRUE(message.bytes.empty());
  EXPECT_EQ(errnoOf([&] { sys::sendMessage(b.get(), bytesOf("x")); }), EPIPE);
}

TEST_F(Sockets, AStreamTakesMessagesLargerThanItsBuffer) {
  const auto [a, b] = sys::socketPair(SOCK_STREAM);
  const std::string big(2'000'000, 'x');
  std::thread sender(
      [&, fd = a.get()] { sys::sendMessage(fd, bytesOf(big), std::array{dir_.get()}); });
  size_t received = 0;
  size_t fds = 0;
  while (received < big.size()) {
    const auto message = sys::receiveMessage(b.get());
    received += message.bytes.size();
    fds += message.fds.size();
  }
  sender.join();
  EXPECT_EQ(received, big.size());
  EXPECT_EQ(fds, 1u);
}

}  // namespace
