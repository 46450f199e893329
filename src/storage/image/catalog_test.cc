// Names, removal and pruning, archives, and what a restart finds again.
#include "storage/image/image_test_util.h"

namespace image {
namespace {

using base::Code;
using base::test::errorOf;
using image::testing::layerOf;
using image::testing::Tar;
using image::testing::TestImage;
using image::testing::TestLayer;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class CatalogTest : public image::testing::ImagesTest {
 protected:
  base::Digest import(const std::string& name, const std::string& file) {
    const std::string tar = layerOf(file).tar;
    return images_->import(sourceOf(tar), name, "", {}, {}, [](const Progress&) {}, {});
  }
  std::vector<std::string> removed(const std::string& name, bool force = false) {
    std::vector<std::string> lines;
    for (const auto& [deleted, what] : images_->remove(name, force, false).lines)
      lines.push_back((deleted ? "Deleted: " : "Untagged: ") + what);
    return lines;
  }
};

// ---- names

TEST_F(CatalogTest, ResolvedByNameIdAndPrefix) {
  const auto id = import("app:1", "one");
  const std::string hex(id.hex());
  for (const std::string& name : {std::string("app:1"), std::string("docker.io/library/app:1"),
                                  id.str(), hex, hex.substr(0, 12), "sha256:" + hex.substr(0, 12)})
    EXPECT_EQ(images_->resolve(name).id, id) << name;
  EXPECT_EQ(errorOf([&] { images_->resolve("app"); }, Code::kNotFound),
            "No such image: app:latest");
  EXPECT_EQ(errorOf([&] { images_->resolve("sha256:0000"); }, Code::kNotFound),
            "No such image: sha256:0000");
  errorOf([&] { images_->resolve("BAD NAME"); }, Code::kInvalidArgument);
  EXPECT_THAT(errorOf(
                  [&] {
                    images_->resolve("app:1", Platform{"linux", "s390x", ""});
                  },
                  Code::kNotFound),
              HasSubstr("does not match the specified platform (linux/s390x)"));
}

TEST_F(CatalogTest, ATagMovesAndARestartKnowsIt) {
  const auto first = import("app:1", "one"), second = import("app:2", "two");
  images_->tag("app:1", "other");
  images_->tag("app:2", "app:1");
  reopen();
  EXPECT_EQ(images_->resolve("app:1").id, second);
  EXPECT_THAT(images_->resolve("other").repoTags, ElementsAre("other:latest"));
  EXPECT_EQ(images_->resolve("other").id, first);
  EXPECT_THAT(images_->resolve("app:2").repoTags, ElementsAre("app:1", "app:2"));
  EXPECT_EQ(read(images_->resolve("other"), "data/one"), "contents");
  errorOf([&] { images_->tag("none", "x"); }, Code::kNotFound);
  EXPECT_EQ(errorOf([&] { images_->tag("app:1", "x@" + first.str()); }, Code::kInvalidArgument),
            "refusing to create a tag with a digest reference");
}

TEST_F(CatalogTest, HistoryIsNewestFirst) {
  TestImage image{{layerOf("one"), layerOf("two")}};
  publish("team/app", "1", image);
  pull(nameOf("team/app", "1"));
  const auto history = images_->history(nameOf("team/app", "1"));
  ASSERT_THAT(history, SizeIs(2));
  EXPECT_EQ(history[0].id, image.id().str());
  EXPECT_THAT(history[0].tags, ElementsAre(nameOf("team/app", "1")));
  EXPECT_EQ(history[1].id, "<missing>");
  EXPECT_GT(history[1].size, 0);
}

// ---- removal

TEST_F(CatalogTest, TheLastTagTakesTheImageAndAllOfItsFiles) {
  const size_t empty = stored();
  const auto id = import("app:1", "one");
  const auto layer = images_->resolve("app:1").diffIds.at(0);
  images_->tag("app:1", "app:2");
  EXPECT_THAT(removed("app:1"), ElementsAre("Untagged: app:1"));
  EXPECT_THAT(removed("app:2"),
              ElementsAre("Untagged: app:2", "Deleted: " + id.str(), "Deleted: " + layer.str()));
  EXPECT_EQ(stored(), empty);
  reopen();
  EXPECT_THAT(images_->list(), IsEmpty());
  errorOf([&] { removed("app:2"); }, Code::kNotFound);
}

TEST_F(CatalogTest, SharedLayersStayWithTheOtherImage) {
  const TestLayer shared = layerOf("shared");
  publish("team/app", "1", {{shared}});
  publish("team/app", "2", {{shared, layerOf("more")}});
  pull(nameOf("team/app", "1"));
  pull(nameOf("team/app", "2"));
  const auto lines = removed(nameOf("team/app", "2"));
  EXPECT_EQ(std::count_if(lines.begin(), lines.end(),
                          [](const auto& line) { return line.starts_with("Deleted: "); }),
            2);  // the image and its upper layer
  EXPECT_EQ(read(images_->resolve(nameOf("team/app", "1")), "data/shared"), "contents");
}

TEST_F(CatalogTest, ByIdOnlyWithinOneRepositoryUnlessForced) {
  const auto id = import("app:1", "one");
  images_->tag("app:1", "app:2");
  images_->tag("app:1", "other:1");
  EXPECT_THAT(errorOf([&] { removed(id.str()); }, Code::kConflict),
              HasSubstr("image is referenced in multiple repositories"));
  EXPECT_THAT(removed(id.str(), true), Contains("Deleted: " + id.str()));
}

TEST_F(CatalogTest, InUseByAContainer) {
  const auto id = import("app:1", "one");
  used_ = id;
  users_ = {{std::string(64, 'c'), false}};
  EXPECT_THAT(errorOf([&] { removed("app:1"); }, Code::kConflict),
              HasSubstr("(must force) - container cccccccccccc is using its referenced image"));
  EXPECT_THAT(errorOf([&] { removed(id.str()); }, Code::kConflict),
              HasSubstr("image is being used by stopped container cccccccccccc"));
  EXPECT_THAT(removed("app:1", true), ElementsAre("Untagged: app:1"));
  EXPECT_EQ(images_->resolve(id.str()).id, id);
  users_[0].running = true;
  EXPECT_THAT(errorOf([&] { removed(id.str(), true); }, Code::kConflict),
              HasSubstr("(cannot be forced) - image is being used by running container"));
  EXPECT_THAT(images_->prune(true, [](const Image&) { return true; }).lines, IsEmpty());
}

TEST_F(CatalogTest, PruneTakesDanglingOnesOrAll) {
  const auto first = import("app:1", "one");
  const auto second = import("app:1", "two");  // the first has no name now
  const auto none = images_->prune(false, [](const Image&) { return false; });
  EXPECT_THAT(none.lines, IsEmpty());
  const auto dangling = images_->prune(false, [](const Image&) { return true; });
  EXPECT_THAT(dangling.lines, Contains(std::pair(true, first.str())));
  EXPECT_GT(dangling.reclaimed, 0);
  EXPECT_THAT(images_->list(), SizeIs(1));
  const auto all = images_->prune(true, [](const Image&) { return true; });
  EXPECT_THAT(all.lines, Contains(std::pair(true, second.str())));
  EXPECT_THAT(images_->list(), IsEmpty());
}

TEST_F(CatalogTest, CollectorTakesWhatNoImageNeeds) {
  import("app:1", "one");
  const size_t before = stored();
  content_->put(*content_->lease("test"), "of nobody");
  images_->collectGarbage();
  EXPECT_EQ(stored(), before);
  EXPECT_EQ(read(images_->resolve("app:1"), "data/one"), "contents");
}

// ---- archives

TEST_F(CatalogTest, SavedAndLoadedIsTheSame) {
  const TestImage image{{layerOf("one"), layerOf("two")}};
  publish("team/app", "1", image);
  const std::string name = nameOf("team/app", "1");
  pull(name);
  const std::string tar = save({name});
  removed(name);
  EXPECT_THAT(statuses(load(tar)), Contains("Loaded image: " + name + "\n"));
  const Image found = images_->resolve(name);
  EXPECT_EQ(found.id, image.id());
  EXPECT_EQ(read(found, "data/one") + read(found, "data/two"), "contentscontents");
  EXPECT_EQ(save({name}), tar);
  errorOf([&] { save({"none"}); }, Code::kNotFound);
}

// {path: contents} as an archive.
std::string archiveOf(const std::vector<std::pair<std::string, std::string>>& files) {
  Tar tar;
  for (const auto& [name, contents] : files) tar.file(name, contents);
  return tar.bytes();
}

TEST_F(CatalogTest, ArchivesOfOldEnginesAndTheirLinks) {
  const TestImage image{{layerOf("one"), layerOf("two")}};
  Tar tar;
  tar.file("./c.json", image.rawConfig());
  tar.file("a/layer.tar", image.layers[0].tar);
  tar.file("b/layer.tar", image.layers[1].blob);  // compressed, as podman writes them
  tar.symlink("c/layer.tar", "../a/layer.tar");
  tar.file("manifest.json",
           R"([{"Config":"c.json","RepoTags":["old:1"],"Layers":["c/layer.tar","b/layer.tar"]}])");
  load(tar.bytes());
  EXPECT_EQ(images_->resolve("old:1").id, image.id());
  EXPECT_THAT(statuses(load(archiveOf(
                  {{"c", image.rawConfig()},
                   {"l", image.layers[0].tar},
                   {"m", image.layers[1].tar},
                   {"manifest.json", R"([{"Config":"c","RepoTags":null,"Layers":["l","m"]}])"}}))),
              Contains("Loaded image ID: " + image.id().str() + "\n"));
}

TEST_F(CatalogTest, LayoutIsKeptAsItCame) {
  TestImage image{{layerOf("one")}};
  image.manifestType = oci::media::kManifest;
  const std::string manifest = json::write(image.manifest()) + " ";
  const auto digest = crypto::digestOf(manifest);
  const auto blob = [](const std::string& bytes) {
    return std::pair("blobs/sha256/" + std::string(crypto::digestOf(bytes).hex()), bytes);
  };
  const std::string index =
      R"({"schemaVersion":2,"manifests":[{"mediaType":")" + std::string(oci::media::kManifest) +
      R"(","digest":")" + digest.str() + R"(","size":)" + std::to_string(manifest.size()) +
      R"(,"annotations":{"io.containerd.image.name":")" + nameOf("team/app", "1") + "\"}}]}";
  load(archiveOf({blob(image.rawConfig()),
                  blob(image.layers[0].blob),
                  blob(manifest),
                  {"oci-layout", "{}"},
                  {"index.json", index}}));
  EXPECT_EQ(images_->resolve(nameOf("team/app", "1")).target.digest, digest);
  push("team/app", "1");
  EXPECT_EQ(server_.manifestOf("team/app", "1").second, manifest);
}

TEST_F(CatalogTest, ArchivesThatAreRefusedLeaveNothing) {
  const TestImage image{{layerOf("one")}};
  const std::string good = image.rawConfig(), layer = image.layers[0].tar;
  const auto manifest = [](const std::string& tags, const std::string& layers) {
    return R"([{"Config":"c","RepoTags":)" + tags + R"(,"Layers":)" + layers + "}]";
  };
  const std::vector<std::pair<std::string, std::string>> cases = {
      {archiveOf({{"x", "y"}}), "neither manifest.json nor index.json"},
      {archiveOf({{"c", good}, {"manifest.json", manifest("null", R"(["l"])")}}), "l is missing"},
      {archiveOf({{"manifest.json", manifest("null", "[]")}}), "c is missing"},
      {archiveOf({{"c", good}, {"manifest.json", manifest("null", "[]")}}),
       "0 layers, and 1 in the config"},
      {archiveOf({{"c", good},
                  {"l", layerOf("other").tar},
                  {"manifest.json", manifest("null", R"(["l"])")}}),
       "layer verification failed"},
      {archiveOf(
           {{"c", good}, {"l", layer}, {"manifest.json", manifest(R"(["BAD"])", R"(["l"])")}}),
       "must be lowercase"},
      {archiveOf({{"c", good}, {"l", layer}, {"manifest.json", "{}"}}), "array"},
      {archiveOf({{"c", good}, {"manifest.json", "[7]"}}), ""},
      {archiveOf({{"index.json", R"({"manifests":[]})"}}), "no image for this platform in it"},
      {archiveOf({{"blobs/sha256/" + std::string(64, '0'), "x"}}), ""},
      {"not a tar at all", ""},
  };
  const size_t empty = stored();
  for (const auto& [tar, words] : cases) {
    const std::string text = errorOf([&] { load(tar); });
    EXPECT_THAT(text, HasSubstr(words));
    EXPECT_NE(text, "no error") << words;
    EXPECT_THAT(images_->list(), IsEmpty()) << words;
    images_->collectGarbage();
    EXPECT_EQ(stored(), empty) << words;
  }
}

// Who loads an archive must not be able to say what a digest stands for.
TEST_F(CatalogTest, NamesByDigestAreNotForArchivesToGive) {
  const TestImage image{{layerOf("one")}};
  const std::string name = "app@" + crypto::digestOf("somebody else's").str();
  const std::string tar = archiveOf(
      {{"c", image.rawConfig()},
       {"l", image.layers[0].tar},
       {"manifest.json", R"([{"Config":"c","RepoTags":[")" + name + R"("],"Layers":["l"]}])"}});
  EXPECT_THAT(errorOf([&] { load(tar); }, Code::kInvalidArgument), HasSubstr("invalid tag"));
  errorOf([&] { images_->resolve(name); }, Code::kNotFound);
}

// A layout that leaves out what happens to be here is as incomplete as anywhere else.
TEST_F(CatalogTest, MissingPartsAreNotTakenFromOtherImages) {
  TestImage image{{layerOf("one")}};
  publish("team/app", "1", image);
  pull(nameOf("team/app", "1"));
  image.manifestType = oci::media::kManifest;
  const std::string manifest = json::write(image.manifest());
  const auto digest = crypto::digestOf(manifest);
  const std::string index = R"({"manifests":[{"mediaType":")" + std::string(oci::media::kManifest) +
                            R"(","digest":")" + digest.str() + R"(","size":1}]})";
  EXPECT_THAT(errorOf(
                  [&] {
                    load(archiveOf({{"blobs/sha256/" + std::string(digest.hex()), manifest},
                                    {"index.json", index}}));
                  },
                  Code::kInvalidArgument),
              HasSubstr("is missing"));
}

}  // namespace
}  // namespace image
