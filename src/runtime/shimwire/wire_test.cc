#include "runtime/shimwire/wire.h"

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>
#include <string>
#include <vector>

namespace shimwire {
namespace {

// Every byte of a message gets a value that tells its field apart, so that a moved field shows.
template <class T>
std::string dump(const char* name, void (*fill)(T&)) {
  T message = make<T>(0x01020304, kQuiet);
  fill(message);
  std::ostringstream out;
  out << name << " " << sizeof message << "\n";
  const auto* bytes = reinterpret_cast<const unsigned char*>(&message);
  // Runs of zeros are long in the text fields.
  for (size_t i = 0; i < sizeof message;) {
    size_t zeros = 0;
    while (i + zeros < sizeof message && bytes[i + zeros] == 0) ++zeros;
    char text[16];
    if (zeros > 8) {
      snprintf(text, sizeof text, "0*%zu ", zeros);
      i += zeros;
    } else {
      snprintf(text, sizeof text, "%02x ", bytes[i]);
      ++i;
    }
    out << text;
  }
  out << "\n";
  return out.str();
}

std::string dumpAll() {
  std::string all;
  all += dump<Start>("Start", [](Start& m) {
    m.version = kVersion;
    m.flags = kTerminal | kOpenStdin | kStdinOnce | kLog | kOomCount | kAttributes;
    m.planBytes = 0x11223344;
    m.planFds = 5;
    m.rows = 24;
    m.columns = 80;
    m.logFiles = 3;
    m.logSize = 100 << 20;
    m.logGeneration = 7;
    std::strcpy(m.logName, "x-json.log");
    std::memset(m.id, 'a', sizeof m.id);
    std::strcpy(m.fault, "shim.go:1:kill");
  });
  all += dump<Fds>("Fds", [](Fds& m) { m.target = 2; });
  all += dump<Attach>("Attach", [](Attach& m) {
    m.target = 1;
    m.flags = kAttachIn | kAttachOut | kAttachErr | kAttachFramed | kAttachUnread;
    m.number = 0x0102030405060708;
    m.keyCount = 2;
    m.keys[0] = 16;
    m.keys[1] = 17;
  });
  all += dump<Go>("Go", [](Go& m) { m.target = 1; });
  all += dump<Signal>("Signal", [](Signal& m) {
    m.target = 1;
    m.signal = 15;
  });
  all += dump<Resize>("Resize", [](Resize& m) {
    m.target = 1;
    m.rows = 24;
    m.columns = 80;
  });
  all += dump<Exec>("Exec", [](Exec& m) {
    m.target = 1;
    m.flags = kTerminal;
    m.planBytes = 100;
    m.planFds = 5;
    m.rows = 24;
    m.columns = 80;
    std::memset(m.id, 'b', sizeof m.id);
  });
  all += dump<Forget>("Forget", [](Forget& m) { m.target = 1; });
  all += dump<Store>("Store", [](Store& m) { m.key = 53; });
  all += dump<Take>("Take", [](Take& m) { m.key = 53; });
  all += dump<Hello>("Hello", [](Hello& m) { m.version = kVersion; });
  all += dump<CloseStdin>("CloseStdin", [](CloseStdin& m) { m.target = 1; });
  all += dump<Reply>("Reply", [](Reply& m) {
    m.error = 2;
    m.step = 9;
    m.pid = 4711;
    m.failed = 1;
    m.timeNs = 0x1112131415161718;
    std::strcpy(m.text, "why");
  });
  all += dump<Exited>("Exited", [](Exited& m) {
    m.target = 1;
    m.code = 137;
    m.signal = 9;
    m.flags = kExitOom;
    m.timeNs = 0x1112131415161718;
    std::memset(m.id, 'c', sizeof m.id);
  });
  all += dump<Detached>("Detached", [](Detached& m) {
    m.number = 0x0102030405060708;
    m.byKeys = 1;
  });
  all += dump<State>("State", [](State& m) {
    m.version = kVersion;
    m.shimPid = 1;
    m.pid = 2;
    m.nextTarget = 3;
    m.startedNs = 4;
    m.nextAttacher = 5;
  });
  all += dump<ExecState>("ExecState", [](ExecState& m) {
    m.target = 1;
    m.pid = 2;
    m.startedNs = 3;
    std::memset(m.id, 'd', sizeof m.id);
  });
  return all;
}

std::string golden() {
  std::ifstream file(std::string(SAMPAN_SOURCE_DIR) + "/src/runtime/shimwire/wire_v1.golden");
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

// A shim started by an earlier release must understand this daemon: the bytes of version 1 never
// change.
TEST(Wire, BytesOfVersion1AreWhatTheyWere) {
  const std::string now = dumpAll();
  EXPECT_EQ(now, golden())
      << "if a message grew at its end: keep this file, and add one for the new version";
}

TEST(Wire, AReaderOfLaterVersionReadsAMissingTailAsZeros) {
  Resize sent = make<Resize>(9);
  sent.target = 4;
  sent.rows = 7;
  sent.columns = 8;
  Resize read;
  ASSERT_TRUE(decode(&sent, 14, read, 14));
  EXPECT_EQ(read.rows, 7);
  EXPECT_EQ(read.columns, 0);
  EXPECT_FALSE(decode(&sent, 13, read, 14)) << "shorter than its first version";
}

TEST(Wire, AReaderOfEarlierVersionIgnoresALongerTail) {
  std::vector<std::byte> bytes(sizeof(Go) + 40, std::byte{0xff});
  const Go sent = make<Go>(9);
  std::memcpy(bytes.data(), &sent, sizeof sent);
  Go read;
  ASSERT_TRUE(decode(bytes.data(), bytes.size(), read));
  EXPECT_EQ(read.header.sequence, 9u);
  EXPECT_EQ(read.target, 0u);
}

TEST(Wire, AnotherTypeIsRefused) {
  const Go sent = make<Go>();
  Forget read;
  EXPECT_FALSE(decode(&sent, sizeof sent, read));
}

}  // namespace
}  // namespace shimwire
