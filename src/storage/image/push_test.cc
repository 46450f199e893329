// Pushing: the manifest that an image came with goes as it came wherever its parts can be had.
#include "platform/json/value.h"
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
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

class PushTest : public image::testing::ImagesTest {
 protected:
  // Tags what `name` is as team/new:1 and pushes that.
  std::vector<Progress> pushAsNew(const std::string& name) {
    images_->tag(name, nameOf("team/new", "1"));
    return push("team/new", "1");
  }
  std::string pushed() const { return server_.manifestOf("team/new", "1").second; }
  // The results that came with the lines.
  static std::vector<json::Value> results(const std::vector<Progress>& lines) {
    std::vector<json::Value> found;
    for (const Progress& line : lines) {
      if (!line.aux.empty()) found.push_back(json::Value::parse(line.aux));
    }
    return found;
  }
  // An image by way of an index, with a body that no writer of ours would make.
  base::Digest publishOdd(const TestImage& image, const std::string& tag) {
    const std::string odd = "  " + json::write(image.manifest()) + "\n\n";
    return publish("team/app", tag, image, odd);
  }
};

TEST_F(PushTest, OfAnImageThatCameByAnIndexKeepsTheBytesOfItsManifest) {
  const TestImage image{{layerOf("one"), layerOf("two")}};
  const auto manifest = publishOdd(image, "m");
  const std::string body = server_.manifestOf("team/app", "m").second;
  const auto index = publishIndex("team/app", "i", {{"linux/amd64", manifest}});
  pull(nameOf("team/app", "i"), Platform{"linux", "amd64", ""});
  server_.forget("team/app");
  const auto lines = pushAsNew(nameOf("team/app", "i"));
  EXPECT_EQ(pushed(), body);
  EXPECT_EQ(statuses(lines).back(),
            "1: digest: " + manifest.str() + " size: " + std::to_string(body.size()));
  const auto notes = results(lines);
  ASSERT_THAT(notes, SizeIs(2));
  EXPECT_TRUE(notes[0]["manifestPushedInsteadOfIndex"].asBool());
  EXPECT_EQ(notes[0]["originalIndex"]["digest"].asString(), index.str());
  EXPECT_EQ(notes[0]["selectedManifest"]["digest"].asString(), manifest.str());
  EXPECT_EQ(notes[1]["Digest"].asString(), manifest.str());
  EXPECT_THAT(images_->resolve(nameOf("team/new", "1")).repoDigests,
              Contains(server_.host() + "/team/new@" + manifest.str()));
}

TEST_F(PushTest, OfAnImageThatCameByItsManifestSaysNothing) {
  const TestImage image{{layerOf("one")}};
  const auto manifest = publishOdd(image, "m");
  pull(nameOf("team/app", "m"));
  const auto lines = pushAsNew(nameOf("team/app", "m"));
  EXPECT_EQ(crypto::digestOf(pushed()), manifest);
  EXPECT_THAT(results(lines), SizeIs(1));
  EXPECT_THAT(statuses(lines), Contains("Mounted from team/app"));
  EXPECT_THAT(server_.seen("PATCH"), SizeIs(1)) << "the config";
}

TEST_F(PushTest, OutlivesTheOtherImageThatBroughtTheLayer) {
  const TestLayer shared = layerOf("shared");
  publish("team/app", "first", {{shared}});
  const auto second = publishOdd({{shared, layerOf("more")}}, "second");
  pull(nameOf("team/app", "first"));
  pull(nameOf("team/app", "second"));
  images_->remove(nameOf("team/app", "first"), false, false);
  server_.forget("team/app");
  pushAsNew(nameOf("team/app", "second"));
  EXPECT_EQ(crypto::digestOf(pushed()), second);
}

// The same layer in two compressions: only the first one was fetched.
TEST_F(PushTest, LayerThatIsNotKeptInThisFormIsMountedOrSaidToBeAnother) {
  TestLayer shared = layerOf("shared", std::string(5000, 's')), other = shared;
  other.blob = packed(shared.tar, archive::Compression::kGzip, 3);
  ASSERT_NE(other.blob, shared.blob);
  publish("team/app", "first", {{shared}});
  const auto second = publishOdd({{other, layerOf("more")}}, "second");
  pull(nameOf("team/app", "first"));
  pull(nameOf("team/app", "second"));
  auto lines = pushAsNew(nameOf("team/app", "second"));
  EXPECT_EQ(crypto::digestOf(pushed()), second) << "where it came from gives it";

  images_->tag(nameOf("team/app", "second"), nameOf("team/away", "1"));
  server_.forget("team/app");
  server_.forget("team/new");
  lines = push("team/away", "1");
  const std::string body = server_.manifestOf("team/away", "1").second;
  EXPECT_NE(crypto::digestOf(body), second);
  EXPECT_THAT(statuses(lines), Contains("The image came with manifest " + second.str() +
                                        ", of which " + crypto::digestOf(other.blob).str() +
                                        " is neither kept here nor at the registry: it was "
                                        "compressed again, and the digest is another one"));
  const auto manifest = json::parse<oci::Manifest>(body);
  EXPECT_EQ(manifest.layers.at(0).digest, crypto::digestOf(shared.blob));
  EXPECT_TRUE(server_.has("team/away", manifest.layers[0].digest));
}

TEST_F(PushTest, OfTwoManifestsTheOneThatTheNameHad) {
  TestImage image{{layerOf("one")}};
  const auto docker = publish("team/app", "docker", image);
  image.manifestType = oci::media::kManifest;
  const auto ocis = publish("team/app", "oci", image);
  pull(nameOf("team/app", "docker"));
  pull(nameOf("team/app", "oci"));
  for (const auto& [tag, digest] : {std::pair("docker", docker), std::pair("oci", ocis)}) {
    pushAsNew(nameOf("team/app", tag));
    EXPECT_EQ(crypto::digestOf(pushed()), digest) << tag;
  }
}

TEST_F(PushTest, OfWhatWasMadeHereIsPulledBackAsTheSameImage) {
  const std::string tar = layerOf("made").tar;
  const auto id = images_->import(sourceOf(tar), nameOf("team/new", "1"), "", {"CMD x"}, {},
                                  [](const Progress&) {}, {});
  const auto lines = push("team/new", "1");
  EXPECT_THAT(statuses(lines), Contains("Pushed"));
  EXPECT_THAT(results(lines), SizeIs(1));
  const auto digest = crypto::digestOf(pushed());
  images_->remove(nameOf("team/new", "1"), false, false);
  ASSERT_THAT(images_->list(), IsEmpty());
  pull(nameOf("team/new", "1"));
  EXPECT_EQ(images_->list().at(0).id, id);
  push("team/new", "1");
  EXPECT_EQ(crypto::digestOf(pushed()), digest);
}

TEST_F(PushTest, OfALoadedLayoutKeepsItsManifestAndOfPlainLayersMakesOne) {
  const TestImage image{{layerOf("one")}};
  pull((publish("team/app", "1", image), nameOf("team/app", "1")));
  const std::string saved = save({nameOf("team/app", "1")});
  images_->remove(nameOf("team/app", "1"), false, false);
  load(saved);
  server_.forget("team/app");
  const auto lines = push("team/app", "1");
  const auto manifest = json::parse<oci::Manifest>(server_.manifestOf("team/app", "1").second);
  EXPECT_EQ(manifest.layers.at(0).mediaType, oci::media::kDockerLayerGzip);
  EXPECT_NE(manifest.layers[0].digest, image.layers[0].diffId());
  EXPECT_THAT(statuses(lines), Not(Contains(HasSubstr("came with manifest"))));
}

TEST_F(PushTest, Refusals) {
  publish("team/app", "1", {{layerOf("one")}});
  pull(nameOf("team/app", "1"));
  EXPECT_EQ(errorOf([&] { push("team/none", "1"); }, Code::kNotFound),
            "An image does not exist locally with the tag: " + server_.host() + "/team/none");
  EXPECT_EQ(errorOf([&] { push("team/app", "2"); }, Code::kNotFound),
            "tag does not exist: " + nameOf("team/app", "2"));
  server_.failTimes(9, "PUT /v2/team/app/manifests/",
                    answering(403, R"({"errors":[{"code":"DENIED","message":"go away"}]})"));
  EXPECT_EQ(errorOf([&] { push("team/app", "1"); }, Code::kForbidden), "denied: go away");
}

}  // namespace
}  // namespace image
