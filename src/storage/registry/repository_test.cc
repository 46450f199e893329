// Manifests, blobs, tags and uploads of one repository, and the way to it: mirrors, schemes,
// certificates, proxies.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "platform/base/error_test_util.h"
#include "platform/http/tls_test_util.h"
#include "platform/sys/file.h"
#include "storage/registry/fake_registry.h"
#include "storage/registry/registry.h"

namespace registry {
namespace {

using base::Code;
using base::test::errorOf;
using registry::testing::answering;
using registry::testing::cutAfter;
using registry::testing::FakeRegistry;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr const char* kPath = "team/app";
constexpr const char* kType = "application/vnd.oci.image.manifest.v1+json";

class RepositoryTest : public ::testing::Test {
 protected:
  RepositoryTest() : registries_(configOf()) {
    repository_ = registries_.repository(server_.host(), kPath, Access::kPush, {});
  }
  static Config configOf() {
    Config config;
    config.certsDirectory = "/nonexistent";
    return config;
  }
  static std::string readAll(BlobReader& reader) {
    std::string text;
    std::vector<char> buffer(1000);
    while (const size_t n = reader.read(buffer)) text.append(buffer.data(), n);
    return text;
  }
  // Uploads `text` in pieces under `digest`.
  void upload(const std::string& text, const base::Digest& digest, std::int64_t length) {
    size_t at = 0;
    repository_->upload(
        [&](std::span<char> into) {
          const size_t n = std::min({into.size(), text.size() - at, size_t{7}});
          std::copy_n(text.data() + at, n, into.data());
          at += n;
          return n;
        },
        length, [&] { return digest; }, {});
  }

  FakeRegistry server_;
  Registries registries_;
  std::unique_ptr<Repository> repository_;
};

// ---- manifests

TEST_F(RepositoryTest, ManifestByTagAndByDigest) {
  const std::string body = R"({"schemaVersion":2})";
  const auto digest = server_.manifest(kPath, "1", std::string(kType) + "; charset=utf-8", body);
  for (const std::string& reference : {std::string("1"), digest.str()}) {
    const Manifest manifest = repository_->manifest(reference, {});
    EXPECT_EQ(manifest.body, body);
    EXPECT_EQ(manifest.mediaType, kType);
    EXPECT_EQ(manifest.digest, digest);
  }
  const std::string accept = server_.log().front().headers.get("Accept");
  EXPECT_THAT(accept, HasSubstr("application/vnd.oci.image.index.v1+json"));
  EXPECT_THAT(accept, HasSubstr("application/vnd.docker.distribution.manifest.list.v2+json"));
  EXPECT_EQ(repository_->name(), server_.host() + "/team/app");
}

TEST_F(RepositoryTest, ManifestThatIsNotWhatWasAskedFor) {
  const auto asked = crypto::digestOf("something else");
  server_.setFault(answering(200, "other bytes", {{"Content-Type", kType}}));
  EXPECT_THAT(errorOf([&] { repository_->manifest(asked.str(), {}); }, Code::kDataLoss),
              HasSubstr("manifest verification failed for digest " + asked.str()));
  server_.setFault(answering(200, std::string((4 << 20) + 1, ' ')));
  EXPECT_THAT(errorOf([&] { repository_->manifest("1", {}); }, Code::kInvalidArgument),
              HasSubstr("more than 4194304"));
  // The same without an announced length.
  server_.setFault([](http::Request&, http::Response& response) {
    response.begin(200);
    for (int i = 0; i < 6; ++i) response.write(std::string(1 << 20, ' '));
    response.end();
    return true;
  });
  EXPECT_NE(errorOf([&] { repository_->manifest("1", {}); }), "no error");
}

TEST_F(RepositoryTest, HeadKnowsOrSaysThereIsNone) {
  const auto digest = server_.manifest(kPath, "1", kType, "{}");
  const auto head = repository_->head("1", {});
  ASSERT_TRUE(head);
  EXPECT_EQ(head->digest, digest);
  EXPECT_EQ(head->mediaType, kType);
  EXPECT_EQ(head->size, 2);
  EXPECT_FALSE(repository_->head("2", {}));
  // A registry that does not tell the digest is asked for the manifest itself.
  server_.setFault([](http::Request& request, http::Response& response) {
    if (request.method != "HEAD") return false;
    response.send(200, "");
    return true;
  });
  EXPECT_EQ(repository_->head("1", {})->digest, digest);
}

TEST_F(RepositoryTest, PutManifestIsCheckedAgainstTheAnswer) {
  EXPECT_EQ(repository_->putManifest("1", kType, "{}", {}), crypto::digestOf("{}"));
  EXPECT_EQ(server_.manifestOf(kPath, "1"), std::pair(std::string(kType), std::string("{}")));
  server_.setFault(answering(201, "", {{"Docker-Content-Digest", crypto::digestOf("x").str()}}));
  EXPECT_THAT(errorOf([&] { repository_->putManifest("1", kType, "{}", {}); }, Code::kDataLoss),
              HasSubstr("the registry stored another manifest"));
}

// ---- blobs

TEST_F(RepositoryTest, BlobFromTheBeginningAndFromTheMiddle) {
  const std::string bytes(100'000, 'b');
  const auto digest = server_.blob(kPath, bytes);
  const auto whole = repository_->blob(digest, 0, {});
  EXPECT_EQ(whole->offset(), 0u);
  EXPECT_EQ(whole->size(), 100'000u);
  EXPECT_EQ(readAll(*whole), bytes);
  EXPECT_FALSE(server_.log().back().headers.has("Range"));
  const auto rest = repository_->blob(digest, 99'000, {});
  EXPECT_EQ(rest->offset(), 99'000u);
  EXPECT_EQ(rest->size(), 100'000u);
  EXPECT_EQ(readAll(*rest).size(), 1000u);
  server_.ranges = false;
  const auto again = repository_->blob(digest, 99'000, {});
  EXPECT_EQ(again->offset(), 0u);
  EXPECT_EQ(again->size(), 100'000u);
}

TEST_F(RepositoryTest, BlobWhoseConnectionBreaksOrWhoseRangeIsNotSaid) {
  const std::string bytes(100'000, 'b');
  const auto digest = server_.blob(kPath, bytes);
  server_.setFault(cutAfter(bytes, 30'000));
  const auto reader = repository_->blob(digest, 0, {});
  errorOf([&] { readAll(*reader); }, Code::kUnavailable);
  for (const char* range : {"", "bytes", "bytes x-y/z", "pages 1-2/3"}) {
    server_.setFault(answering(206, "x", {{"Content-Range", range}}));
    EXPECT_THAT(errorOf([&] { repository_->blob(digest, 5, {}); }, Code::kUnavailable),
                HasSubstr("without saying which range"))
        << range;
  }
  server_.setFault(answering(206, "x", {{"Content-Range", "bytes 5-5/*"}}));
  const auto unknown = repository_->blob(digest, 5, {});
  EXPECT_EQ(unknown->offset(), 5u);
  EXPECT_EQ(unknown->size(), std::nullopt);
}

TEST_F(RepositoryTest, BlobSizeTellsAbsenceFromRefusal) {
  const auto digest = server_.blob(kPath, "12345");
  EXPECT_EQ(repository_->blobSize(digest, {}), 5u);
  EXPECT_EQ(repository_->blobSize(crypto::digestOf("none"), {}), std::nullopt);
  server_.setFault(answering(503));
  errorOf([&] { repository_->blobSize(digest, {}); }, Code::kUnavailable);
}

// ---- tags

TEST_F(RepositoryTest, TagsOverSeveralPages) {
  for (const char* tag : {"a", "b", "c", "d", "e"}) server_.manifest(kPath, tag, kType, tag);
  server_.page = 2;
  EXPECT_THAT(repository_->tags({}), ElementsAre("a", "b", "c", "d", "e"));
  EXPECT_THAT(server_.seen("GET /v2/team/app/tags/list"), SizeIs(3));
}

TEST_F(RepositoryTest, TagsOfOddAnswers) {
  for (const char* body : {R"({"tags":null})", "{}", R"({"tags":[]})", R"({"tags":[7,null]})"}) {
    server_.setFault(answering(200, body));
    EXPECT_THAT(repository_->tags({}), IsEmpty()) << body;
  }
  for (const char* link : {"", "<", ">x<", "</v2/x>; rel=\"last\"", "/v2/x; rel=next"}) {
    server_.setFault(answering(200, R"({"tags":["a"]})", {{"Link", link}}));
    EXPECT_THAT(repository_->tags({}), ElementsAre("a")) << link;
  }
}

// ---- uploads

TEST_F(RepositoryTest, UploadOfKnownAndOfUnknownLength) {
  const std::string text(10'000, 'u');
  const auto digest = crypto::digestOf(text);
  upload(text, digest, 10'000);
  EXPECT_TRUE(server_.has(kPath, digest));
  const auto patches = server_.seen("PATCH");
  ASSERT_THAT(patches, SizeIs(1));
  EXPECT_EQ(patches[0].query, "s=1");
  EXPECT_EQ(patches[0].headers.get("Content-Length"), "10000");
  // The place that the answer to the bytes names, with what it holds already.
  EXPECT_EQ(server_.seen("PUT").at(0).query, "s=2&digest=" + digest.str());
  server_.clearLog();
  upload(text + "2", crypto::digestOf(text + "2"), -1);
  EXPECT_EQ(server_.seen("PATCH").at(0).headers.get("Transfer-Encoding"), "chunked");
  EXPECT_TRUE(server_.has(kPath, crypto::digestOf(text + "2")));
}

TEST_F(RepositoryTest, UploadUnderAWrongDigestIsTheRegistrysToRefuse) {
  EXPECT_THAT(
      errorOf([&] { upload("text", crypto::digestOf("other"), 4); }, Code::kInvalidArgument),
      HasSubstr("digest invalid"));
  EXPECT_FALSE(server_.has(kPath, crypto::digestOf("other")));
  server_.setFault(answering(202));
  EXPECT_THAT(errorOf([&] { upload("text", crypto::digestOf("text"), 4); }, Code::kUnavailable),
              HasSubstr("without saying where"));
}

TEST_F(RepositoryTest, MountedOrNot) {
  const auto digest = server_.blob("team/other", "bytes");
  EXPECT_TRUE(repository_->mount(digest, "team/other", {}));
  EXPECT_TRUE(server_.has(kPath, digest));
  EXPECT_THAT(server_.seen("DELETE"), IsEmpty());
  const auto second = server_.blob("team/other", "more");
  server_.mayMount = false;
  EXPECT_FALSE(repository_->mount(second, "team/other", {}));
  EXPECT_THAT(server_.seen("DELETE"), SizeIs(1)) << "the upload that was begun instead";
}

// ---- ways

TEST_F(RepositoryTest, MirrorsOfTheHubComeFirstWithTheirOwnPasswords) {
  Config config = configOf();
  config.mirrors = {"http://me:mine@" + server_.host() + "/hub/"};
  Registries registries(config);
  Credentials ours;
  ours.username = "alice";
  ours.password = "secret";
  EXPECT_THAT(registries.pullSources("example.org", "a/b", ours), SizeIs(1));
  const auto sources = registries.pullSources("docker.io", "library/hello", ours);
  ASSERT_THAT(sources, SizeIs(2));
  EXPECT_EQ(sources[0]->name(), "docker.io/library/hello");
  server_.setFault([](http::Request& request, http::Response& response) {
    if (request.headers.has("Authorization")) return false;
    response.headers().set("WWW-Authenticate", "Basic realm=\"mirror\"");
    response.send(401, "");
    return true;
  });
  errorOf([&] { sources[0]->manifest("latest", {}); }, Code::kNotFound);
  ASSERT_THAT(server_.log(), SizeIs(2));
  EXPECT_EQ(server_.log()[1].path, "/hub/v2/library/hello/manifests/latest");
  EXPECT_EQ(server_.log()[1].headers.get("Authorization"), "Basic bWU6bWluZQ==");
}

TEST_F(RepositoryTest, ReconfiguredMirrorsAndInsecureHosts) {
  EXPECT_TRUE(registries_.insecure("127.0.0.1:5000"));
  EXPECT_FALSE(registries_.insecure("example.org"));
  registries_.reconfigure({"http://" + server_.host()}, {"example.org"});
  EXPECT_TRUE(registries_.insecure("example.org:5000"));
  EXPECT_THAT(registries_.pullSources("docker.io", "library/x", {}), SizeIs(2));
}

TEST_F(RepositoryTest, HostThatIsNotThereIsSaidInGosWords) {
  const auto gone = registries_.repository("127.0.0.1:1", kPath, Access::kPull, {});
  EXPECT_THAT(errorOf([&] { gone->manifest("1", {}); }, Code::kUnavailable),
              HasSubstr("dial tcp 127.0.0.1:1: connect: connection refused"));
}

// A registry with TLS under a name that leads here.
class CertificatesTest : public ::testing::Test {
 protected:
  CertificatesTest()
      : server_([](const std::string&) {
          return "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Type: " + std::string(kType) +
                 "\r\nConnection: close\r\n\r\n{}";
        }) {
    char path[] = "/tmp/sampan-certs-XXXXXX";
    config_.certsDirectory = ::mkdtemp(path);
    config_.resolve = [](const std::string& host) -> std::optional<std::string> {
      if (host.ends_with(".example")) return "127.0.0.1";
      return std::nullopt;
    };
  }
  ~CertificatesTest() override { sys::removeTree(AT_FDCWD, config_.certsDirectory); }

  std::string host() const { return "registry.example:" + std::to_string(server_.where.port); }
  void put(const std::string& name, const std::string& text) {
    const std::string directory = config_.certsDirectory + "/" + host();
    ::mkdir(directory.c_str(), 0755);
    sys::writeAtomic(AT_FDCWD, directory + "/" + name, text, 0644);
  }
  std::string ask(Registries& registries) {
    return errorOf(
        [&] { registries.repository(host(), kPath, Access::kPull, {})->manifest("1", {}); });
  }

  http::test::TlsTestServer server_;
  Config config_;
};

TEST_F(CertificatesTest, AuthorityOfCertsDirectoryCountsWithoutARestart) {
  Registries registries(config_);
  EXPECT_THAT(ask(registries), HasSubstr("x509: certificate signed by unknown authority"));
  put("ca.crt", sys::readFile(AT_FDCWD, server_.caFile));
  EXPECT_EQ(ask(registries), "no error");
  sys::removeTree(AT_FDCWD, config_.certsDirectory + "/" + host());
  EXPECT_THAT(ask(registries), HasSubstr("unknown authority"));
}

TEST_F(CertificatesTest, KeysAndCertificatesComeInPairs) {
  Registries registries(config_);
  put("ca.crt", sys::readFile(AT_FDCWD, server_.caFile));
  put("client.cert", "x");
  EXPECT_THAT(ask(registries),
              HasSubstr("missing key client.key for client certificate client.cert"));
  sys::removeFile(AT_FDCWD, config_.certsDirectory + "/" + host() + "/client.cert");
  put("client.key", "x");
  EXPECT_THAT(ask(registries),
              HasSubstr("missing client certificate client.cert for key client.key"));
}

TEST_F(CertificatesTest, InsecureByNameIsNotVerifiedAndOthersAre) {
  config_.insecure = {"registry.example"};
  Registries registries(config_);
  EXPECT_EQ(ask(registries), "no error");
  registries.reconfigure({}, {});
  EXPECT_THAT(ask(registries), HasSubstr("unknown authority"));
}

TEST(Ways, InsecureHostsSpeakPlainHttpOthersDoNot) {
  FakeRegistry server;
  server.manifest(kPath, "1", kType, "{}");
  Config config;
  config.certsDirectory = "/nonexistent";
  config.insecure = {"open.example"};
  config.resolve = [](const std::string&) { return "127.0.0.1"; };
  Registries registries(config);
  const std::string port = ":" + std::to_string(server.port());
  EXPECT_EQ(registries.repository("open.example" + port, kPath, Access::kPull, {})
                ->manifest("1", {})
                .body,
            "{}");
  server.clearLog();
  EXPECT_THAT(
      errorOf([&] {
        registries.repository("closed.example" + port, kPath, Access::kPull, {})->manifest("1", {});
      }),
      HasSubstr("http: server gave HTTP response to HTTPS client"));
  EXPECT_THAT(server.log(), IsEmpty());
}

TEST(Ways, ProxyAndItsExceptions) {
  FakeRegistry server;
  server.manifest(kPath, "1", kType, "{}");
  Config config;
  config.certsDirectory = "/nonexistent";
  config.insecure = {"10.1.2.3", "a.inner.example", "inner.example", "outer.example"};
  config.resolve = [](const std::string&) { return "127.0.0.1"; };
  config.proxy.httpProxy = config.proxy.httpsProxy = "http://127.0.0.1:1";
  config.proxy.noProxy = ".inner.example,10.0.0.0/8";
  Registries registries(config);
  const auto ask = [&](const std::string& host) {
    return errorOf([&] {
      registries.repository(host + ":" + std::to_string(server.port()), kPath, Access::kPull, {})
          ->manifest("1", {});
    });
  };
  EXPECT_EQ(ask("a.inner.example"), "no error");
  EXPECT_EQ(ask("10.1.2.3"), "no error");
  EXPECT_EQ(ask("127.0.0.1"), "no error");
  EXPECT_THAT(ask("outer.example"), HasSubstr("127.0.0.1:1"));
  EXPECT_THAT(ask("inner.example"), HasSubstr("127.0.0.1:1"));  // the dot: only what is below
}

}  // namespace
}  // namespace registry
