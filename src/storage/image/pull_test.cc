// Pulling from a registry: what arrives, what is refused and leaves nothing, what is taken up
// again.
#include "storage/image/image_test_util.h"

namespace image {
namespace {

using base::Code;
using base::test::errorOf;
using image::testing::layerOf;
using image::testing::packed;
using image::testing::TestImage;
using image::testing::TestLayer;
using registry::testing::answering;
using registry::testing::cutAfter;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class PullTest : public image::testing::ImagesTest {
 protected:
  // The message of a pull that is refused and leaves nothing behind.
  std::string refused(const std::string& tag, std::optional<Code> code = {}) {
    const size_t before = stored();
    std::string text = errorOf([&] { pull(nameOf("team/app", tag)); }, code);
    EXPECT_THAT(images_->list(), IsEmpty());
    EXPECT_EQ(stored(), before);
    return text;
  }
};

std::string bytesOf(size_t size) {
  std::string bytes(size, '\0');
  std::uint32_t state = 99;
  for (auto& c : bytes) c = static_cast<char>((state = state * 1664525 + 1013904223) >> 24);
  return bytes;
}

TEST_F(PullTest, ImageIsThereWithItsNamesAndFiles) {
  const TestImage image{{layerOf("one", "1"), layerOf("two", "2")}};
  const auto digest = publish("team/app", "1", image);
  const std::string name = nameOf("team/app", "1");
  const auto lines = statuses(pull(name));
  EXPECT_EQ(lines.front(), "Pulling from team/app");
  EXPECT_THAT(lines, Contains("Digest: " + digest.str()));
  EXPECT_EQ(lines.back(), "Status: Downloaded newer image for " + name);
  const Image found = images_->resolve(name);
  EXPECT_EQ(found.id, image.id());
  EXPECT_THAT(found.repoTags, ElementsAre(name));
  EXPECT_THAT(found.repoDigests, ElementsAre(server_.host() + "/team/app@" + digest.str()));
  EXPECT_EQ(found.rawConfig, image.rawConfig());
  EXPECT_EQ(read(found, "data/one") + read(found, "data/two"), "12");
  EXPECT_EQ(statuses(pull(name)).back(), "Status: Image is up to date for " + name);
}

TEST_F(PullTest, ByDigestHasNoTag) {
  const auto digest = publish("team/app", "1", {{layerOf("one")}});
  const std::string name = server_.host() + "/team/app@" + digest.str();
  pull(name);
  EXPECT_THAT(images_->resolve(name).repoTags, IsEmpty());
  errorOf([&] { images_->resolve(nameOf("team/app", "1")); }, Code::kNotFound);
}

TEST_F(PullTest, EveryCompressionAndPlainLayers) {
  TestImage image{{layerOf("gzip"), layerOf("zstd"), layerOf("plain")}};
  image.layers[1].blob = packed(image.layers[1].tar, archive::Compression::kZstd);
  image.layers[2].blob = image.layers[2].tar;
  publish("team/app", "1", image);
  pull(nameOf("team/app", "1"));
  const Image found = images_->resolve(nameOf("team/app", "1"));
  for (const char* file : {"gzip", "zstd", "plain"})
    EXPECT_EQ(read(found, std::string("data/") + file), "contents");
}

TEST_F(PullTest, OfAnIndexTheHostsPlatformOrTheOneAskedFor) {
  TestImage ours{{layerOf("ours")}}, other{{layerOf("other")}};
  ours.architecture = oci::Platform::host().architecture;
  other.architecture = "s390x";
  publishIndex("team/app", "i",
               {{"linux/s390x", publish("team/app", "o", other)},
                {"linux/" + ours.architecture, publish("team/app", "h", ours)}});
  const std::string name = nameOf("team/app", "i");
  pull(name);
  EXPECT_EQ(images_->resolve(name).id, ours.id());
  pull(name, Platform{"linux", "s390x", ""});
  EXPECT_EQ(images_->resolve(name).id, other.id());
  EXPECT_THAT(errorOf(
                  [&] {
                    pull(name, Platform{"linux", "mips", ""});
                  },
                  Code::kNotFound),
              HasSubstr("no matching manifest for linux/mips in the manifest list entries"));
}

TEST_F(PullTest, LayersThatAreHereAreNotFetchedAgain) {
  const TestLayer shared = layerOf("shared");
  publish("team/app", "1", {{shared}});
  publish("team/app", "2", {{shared, layerOf("more")}});
  pull(nameOf("team/app", "1"));
  server_.clearLog();
  EXPECT_THAT(statuses(pull(nameOf("team/app", "2"))), Contains("Already exists"));
  EXPECT_THAT(server_.seen(crypto::digestOf(shared.blob).str()), IsEmpty());
}

TEST_F(PullTest, AllTags) {
  publish("team/app", "1", {{layerOf("one")}});
  publish("team/app", "2", {{layerOf("two")}});
  std::vector<Progress> lines;
  images_->pullAllTags(server_.host() + "/team/app", {}, {},
                       [&](const Progress& line) { lines.push_back(line); }, {});
  EXPECT_THAT(images_->list(), SizeIs(2));
  EXPECT_EQ(lines.back().status,
            "Status: Downloaded newer image for " + server_.host() + "/team/app");
  EXPECT_EQ(errorOf(
                [&] {
                  server_.setFault(answering(200, R"({"tags":[]})"));
                  images_->pullAllTags(server_.host() + "/team/app", {}, {}, [](const Progress&) {},
                                       {});
                },
                Code::kNotFound),
            "no tags in repository " + server_.host() + "/team/app");
}

TEST_F(PullTest, UnknownNamesInDockersWords) {
  publish("team/app", "1", {{layerOf("one")}});
  EXPECT_THAT(refused("2", Code::kNotFound), HasSubstr("manifest for " + nameOf("team/app", "2") +
                                                       " not found: manifest unknown"));
  EXPECT_THAT(errorOf([&] { pull(nameOf("no/such", "1")); }, Code::kNotFound),
              HasSubstr("repository " + server_.host() + "/no/such not found: name unknown"));
  server_.setFault(answering(403, R"({"errors":[{"code":"DENIED","message":"no"}]})"));
  EXPECT_THAT(refused("1", Code::kNotFound),
              HasSubstr("pull access denied for " + server_.host() +
                        "/team/app, repository does not exist or may require 'docker login'"));
  EXPECT_EQ(errorOf([&] { pull("scratch"); }, Code::kForbidden), "'scratch' is a reserved name");
}

TEST_F(PullTest, ManifestAndConfigThatDoNotFit) {
  TestImage image{{layerOf("one")}};
  auto manifest = image.manifest();
  manifest.layers.push_back(manifest.layers.front());
  publish("team/app", "layers", image, json::write(manifest));
  EXPECT_THAT(refused("layers", Code::kInvalidArgument),
              HasSubstr("layers from manifest don't match image configuration"));
  manifest = image.manifest();
  manifest.config.size = 9 << 20;
  publish("team/app", "config", image, json::write(manifest));
  EXPECT_THAT(refused("config", Code::kInvalidArgument), HasSubstr("is too large"));
  manifest = image.manifest();
  manifest.config.size -= 1;
  publish("team/app", "shorter", image, json::write(manifest));
  EXPECT_THAT(refused("shorter", Code::kDataLoss), HasSubstr("failed size validation"));
  manifest = image.manifest();
  manifest.layers[0].mediaType = oci::media::kDockerForeignLayerGzip;
  publish("team/app", "foreign", image, json::write(manifest));
  EXPECT_THAT(refused("foreign", Code::kNotImplemented), HasSubstr("foreign"));
}

TEST_F(PullTest, LayersThatAreNotWhatWasPromised) {
  TestImage image{{layerOf("one")}};
  image.layers[0].blob = packed(layerOf("other").tar);
  publish("team/app", "diff", image);
  // The blob is what the manifest names, its contents are not what the config does.
  auto config = image.config();
  config.rootfs.diffIds[0] = crypto::digestOf("x");
  const std::string raw = json::write(config);
  auto manifest = image.manifest();
  manifest.config.digest = server_.blob("team/app", raw);
  manifest.config.size = static_cast<std::int64_t>(raw.size());
  publish("team/app", "diff", image, json::write(manifest));
  EXPECT_THAT(refused("diff", Code::kDataLoss), HasSubstr("layer verification failed"));

  const TestImage good{{layerOf("good")}};
  publish("team/app", "digest", good);
  const std::string blob = good.layers[0].blob;
  server_.failTimes(9, crypto::digestOf(blob).str(),
                    answering(200, blob.substr(0, blob.size() - 4) + "evil"));
  EXPECT_THAT(
      refused("digest", Code::kDataLoss),
      HasSubstr("filesystem layer verification failed for digest " + crypto::digestOf(blob).str()));
  server_.failTimes(9, crypto::digestOf(blob).str(), answering(200, blob + "more"));
  EXPECT_THAT(refused("digest", Code::kDataLoss), HasSubstr("failed size validation"));
}

TEST_F(PullTest, Schema1IsRefused) {
  server_.manifest("team/app", "1", oci::media::kDockerManifestV1Signed, R"({"schemaVersion":1})");
  EXPECT_THAT(refused("1", Code::kInvalidArgument),
              HasSubstr("manifest version 2, schema 1 are not supported"));
}

TEST_F(PullTest, BrokenConnectionsAreTakenUpWhereTheyEnded) {
  const TestImage image{{layerOf("big", bytesOf(400'000))}};
  publish("team/app", "1", image);
  const std::string blob = image.layers[0].blob;
  const std::string digest = crypto::digestOf(blob).str();
  server_.failTimes(1, digest, cutAfter(blob, 150'000));
  EXPECT_THAT(statuses(pull(nameOf("team/app", "1"))), Contains("Retrying in 1 second"));
  const auto asked = server_.seen(digest);
  ASSERT_THAT(asked, SizeIs(2));
  EXPECT_EQ(asked[1].headers.get("Range"), "bytes=150000-");
  EXPECT_EQ(read(images_->resolve(nameOf("team/app", "1")), "data/big"), bytesOf(400'000));
}

TEST_F(PullTest, AStoppedPullIsResumedByTheNextAlsoAfterARestart) {
  const TestImage image{{layerOf("big", bytesOf(400'000))}};
  publish("team/app", "1", image);
  const std::string blob = image.layers[0].blob;
  const std::string digest = crypto::digestOf(blob).str();
  const base::StopSource stop;
  server_.failTimes(1, digest, [&](http::Request& request, http::Response& response) {
    cutAfter(blob, 150'000)(request, response);
    return true;
  });
  errorOf(
      [&] {
        images_->pull(
            nameOf("team/app", "1"), {}, {},
            [&](const Progress& line) {
              if (line.status.starts_with("Retrying")) stop.stop();
            },
            stop.token());
      },
      Code::kCancelled);
  EXPECT_THAT(images_->list(), IsEmpty());
  reopen();
  server_.ranges = false;  // it sends all again: what is here is passed over
  pull(nameOf("team/app", "1"));
  EXPECT_EQ(server_.seen(digest).back().headers.get("Range"), "bytes=150000-");
  EXPECT_EQ(read(images_->resolve(nameOf("team/app", "1")), "data/big"), bytesOf(400'000));
}

TEST_F(PullTest, BusyRegistriesAreAskedAgainAfterThePauseTheyAskFor) {
  publish("team/app", "1", {{layerOf("one")}});
  server_.failTimes(1, "/manifests/1", answering(429, "", {{"Retry-After", "1"}}));
  pull(nameOf("team/app", "1"));
  EXPECT_THAT(server_.seen("/manifests/1"), SizeIs(2));
  server_.clearLog();
  server_.failTimes(9, "/manifests/2", answering(429, "", {{"Retry-After", "900"}}));
  errorOf([&] { pull(nameOf("team/app", "2")); }, Code::kUnavailable);
  EXPECT_THAT(server_.seen("/manifests/2"), SizeIs(1));
}

TEST_F(PullTest, RemoteIsLookedAtAndNothingIsKept) {
  TestImage arm{{layerOf("arm")}};
  arm.architecture = "arm64";
  const auto digest = publish("team/app", "1", arm);
  const size_t before = stored();
  const auto remote = images_->inspectRemote(nameOf("team/app", "1"), {}, {});
  EXPECT_EQ(remote.descriptor.digest, digest);
  ASSERT_THAT(remote.platforms, SizeIs(1));
  EXPECT_EQ(remote.platforms[0].architecture, "arm64");
  EXPECT_EQ(stored(), before);
}

}  // namespace
}  // namespace image
