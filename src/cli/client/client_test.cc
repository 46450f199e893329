// Endpoints, configuration, framing, detach keys and progress bars of the client.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "cli/client/config_file.h"
#include "cli/client/endpoint.h"
#include "cli/client/engine_client.h"
#include "cli/client/progress.h"
#include "cli/client/raw_stream.h"
#include "cli/client/terminal.h"
#include "platform/base/error_test_util.h"
#include "platform/base/strings.h"

namespace client {
namespace {

using base::test::errorOf;

TEST(Endpoint, UnixAndTcp) {
  EXPECT_EQ(parseEndpoint("unix:///run/x.sock").socketPath, "/run/x.sock");
  const Endpoint tcp = parseEndpoint("tcp://[::1]:2375/base/");
  EXPECT_EQ(tcp.host, "::1");
  EXPECT_EQ(tcp.port, 2375);
  EXPECT_EQ(tcp.basePath, "/base");
  EXPECT_EQ(parseEndpoint("tcp://host").port, 2375);
  EXPECT_EQ(errorOf([] { parseEndpoint("foo://x"); }),
            "unable to resolve docker endpoint: invalid bind address format: foo://x");
  EXPECT_EQ(errorOf([] { parseEndpoint("tcp://1.2.3.4:foo"); }),
            "unable to resolve docker endpoint: parse \"tcp://1.2.3.4:foo\": invalid port \":foo\" "
            "after host");
}

TEST(Endpoint, UnknownContextIsNamed) {
  const std::string error = errorOf([] { contextTarget("/nonexistent", "foo"); });
  EXPECT_EQ(error,
            "context \"foo\": context not found: open "
            "/nonexistent/contexts/meta/"
            "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae/meta.json: no such "
            "file or directory");
}

class ConfigFileTest : public ::testing::Test {
 protected:
  void SetUp() override {
    directory_ = ::testing::TempDir() + "h8-config";
    std::filesystem::remove_all(directory_);
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }
  std::string directory_;
};

TEST_F(ConfigFileTest, KeepsCredentialsReadableByTheOwnerOnly) {
  ConfigFile file = ConfigFile::load(directory_);
  AuthConfig auth;
  auth.username = "me";
  auth.password = "se:cret";
  auth.serverAddress = "host:5000";
  EXPECT_TRUE(file.store(auth));
  struct stat status {};
  ASSERT_EQ(::stat(file.path().c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600u);
  const ConfigFile again = ConfigFile::load(directory_);
  EXPECT_EQ(again.credentials("host:5000").username, "me");
  EXPECT_EQ(again.credentials("host:5000").password, "se:cret");
  EXPECT_TRUE(again.credentials("other").empty());
  file.erase("host:5000");
  EXPECT_TRUE(ConfigFile::load(directory_).credentials("host:5000").empty());
}

TEST_F(ConfigFileTest, KeepsWhatItDoesNotKnow) {
  std::filesystem::create_directories(directory_);
  std::ofstream(directory_ + "/config.json")
      << R"({"psFormat":"table x","later":{"b":1,"a":[1.50]},"HttpHeaders":{"X-A":"b","User-Agent":"no"}})";
  ConfigFile file = ConfigFile::load(directory_);
  EXPECT_EQ(file.text("psFormat"), "table x");
  ASSERT_EQ(file.httpHeaders().size(), 1u);
  EXPECT_EQ(file.httpHeaders()[0].second, "b");
  AuthConfig auth;
  auth.username = "u";
  auth.serverAddress = "h";
  file.store(auth);
  EXPECT_EQ(ConfigFile::load(directory_).root()["later"].write(), R"({"b":1,"a":[1.50]})");
}

TEST_F(ConfigFileTest, AsksTheHelper) {
  std::filesystem::create_directories(directory_);
  std::ofstream(directory_ + "/docker-credential-h8test")
      << "#!/bin/sh\nread server\n"
         "[ \"$1\" = get ] || exit 1\n"
         "[ \"$server\" = known ] || { echo credentials not found in native keychain; exit 1; }\n"
         "echo '{\"ServerURL\":\"known\",\"Username\":\"<token>\",\"Secret\":\"t0ken\"}'\n";
  std::filesystem::permissions(directory_ + "/docker-credential-h8test",
                               std::filesystem::perms::owner_all);
  std::ofstream(directory_ + "/config.json")
      << R"({"credHelpers":{"known":"h8test","no":"h8test"}})";
  const std::string before = ::getenv("PATH") ? ::getenv("PATH") : "";
  ::setenv("PATH", (directory_ + ":" + before).c_str(), 1);
  const ConfigFile file = ConfigFile::load(directory_);
  EXPECT_EQ(file.credentials("known").identityToken, "t0ken");
  EXPECT_TRUE(file.credentials("no").empty());
  ::setenv("PATH", before.c_str(), 1);
}

std::string frame(int stream, const std::string& text) {
  std::string out{static_cast<char>(stream),     0, 0, 0, 0, 0, static_cast<char>(text.size() >> 8),
                  static_cast<char>(text.size())};
  return out + text;
}

TEST(Demultiplexer, TakesFramesHoweverTheyArrive) {
  const std::string all =
      frame(1, "out") + frame(2, std::string(300, 'e')) + frame(1, "") + frame(0, "more");
  for (const size_t step : {1u, 2u, 7u, 9u, 1000u}) {
    Demultiplexer demultiplexer;
    std::string out, err;
    for (size_t i = 0; i < all.size(); i += step) {
      demultiplexer.push(
          std::string_view(all).substr(i, step),
          [&](int stream, std::string_view piece) { (stream == 2 ? err : out).append(piece); });
    }
    EXPECT_EQ(out, "outmore");
    EXPECT_EQ(err, std::string(300, 'e'));
  }
}

TEST(Demultiplexer, SystemErrorsAndNonsenseAreErrors) {
  Demultiplexer demultiplexer;
  EXPECT_EQ(errorOf([&] { demultiplexer.push(frame(3, "boom"), [](int, std::string_view) {}); }),
            "error from daemon in stream: boom");
  Demultiplexer other;
  EXPECT_EQ(errorOf([&] { other.push("garbage!", [](int, std::string_view) {}); }),
            "Unrecognized input header: 103");
}

TEST(DetachKeys, Parse) {
  EXPECT_EQ(parseDetachKeys("ctrl-p,ctrl-q"), "\x10\x11");
  EXPECT_EQ(parseDetachKeys("a,ctrl-["), "a\x1b");
  EXPECT_EQ(errorOf([] { parseDetachKeys("foo"); }), "Unknown character: 'foo'");
}

TEST(DetachFilter, HoldsBackWhatMayBecomeTheSequence) {
  DetachFilter filter("\x10\x11");
  EXPECT_EQ(filter.pass("a\x10"), "a");
  EXPECT_EQ(filter.pass("b"),
            "\x10"
            "b");
  EXPECT_EQ(filter.pass("\x10\x10"), "\x10");
  EXPECT_FALSE(filter.detached());
  EXPECT_EQ(filter.pass("\x11rest"), "");
  EXPECT_TRUE(filter.detached());
}

TEST(Progress, BarsAndNumbers) {
  const auto bar = [](const char* detail, unsigned width) {
    return progressBar(json::Value::parse(detail), width);
  };
  EXPECT_EQ(bar("{}", 200), "");
  EXPECT_EQ(bar(R"({"current":1000})", 200), "     1kB");
  EXPECT_EQ(bar(R"({"current":20,"total":40})", 80), "     20B/40B");
  EXPECT_EQ(bar(R"({"current":20,"total":40})", 200),
            "[=========================>                         ]      20B/40B");
}

TEST(Progress, PipesGetPlainLinesAndErrorsAreThrown) {
  std::string out;
  ProgressDisplay display([&](std::string_view text) { out += text; }, 0);
  const auto show = [&](const char* text) { display.show(json::Value::parse(text)); };
  show(R"({"status":"Pulling from library/x","id":"latest"})");
  show(R"({"status":"Pulling fs layer","progressDetail":{},"id":"abc"})");
  show(R"({"status":"Downloading","progressDetail":{"current":1,"total":2},"id":"abc"})");
  show(R"({"status":"Digest: sha256:1"})");
  show(R"({"stream":"Loaded image: x\n"})");
  EXPECT_EQ(
      out,
      "latest: Pulling from library/x\nabc: Pulling fs layer\nDigest: sha256:1\nLoaded image: x\n");
  EXPECT_EQ(errorOf([&] { show(R"({"errorDetail":{"message":"no"},"error":"no"})"); }), "no");
}

TEST(Progress, TerminalsGetOneLineALayer) {
  std::string out;
  ProgressDisplay display([&](std::string_view text) { out += text; }, 80);
  const auto show = [&](const char* text) { display.show(json::Value::parse(text)); };
  show(R"({"status":"Waiting","progressDetail":{},"id":"a"})");
  show(R"({"status":"Waiting","progressDetail":{},"id":"b"})");
  show(R"({"status":"Pull complete","progressDetail":{},"id":"a"})");
  EXPECT_EQ(out,
            "\n\x1b[1A\x1b[2K\ra: Waiting \r\x1b[1B"
            "\n\x1b[1A\x1b[2K\rb: Waiting \r\x1b[1B"
            "\x1b[2A\x1b[2K\ra: Pull complete \r\x1b[2B");
}

TEST(Versions, CompareByNumber) {
  EXPECT_LT(compareVersions("1.9", "1.41"), 0);
  EXPECT_EQ(compareVersions("1.41", "1.41"), 0);
  EXPECT_GT(compareVersions("1.51", "1.50"), 0);
}

TEST(Filters, EncodeAsTheApiWants) {
  EXPECT_EQ(encodeFilters({{"label", {{"a=b", true}, {"c", true}}}, {"name", {{"x", true}}}}),
            R"({"label":{"a=b":true,"c":true},"name":{"x":true}})");
}

}  // namespace
}  // namespace client
