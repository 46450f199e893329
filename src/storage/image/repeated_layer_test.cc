// Images that name a layer more than once: what a client sees is what unpacking the layers one
// after the other gives, however they come in.
#include "storage/image/image_test_util.h"

namespace image {
namespace {

using image::testing::layerOf;
using image::testing::packed;
using image::testing::Tar;
using image::testing::TestImage;
using image::testing::TestLayer;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

TestLayer made(const Tar& tar) {
  TestLayer layer{tar.bytes(), {}};
  layer.blob = packed(layer.tar);
  return layer;
}

class RepeatedLayerTest : public image::testing::ImagesTest,
                          public ::testing::WithParamInterface<snapshot::Kind> {
 protected:
  RepeatedLayerTest() {
    kind_ = GetParam();
    reopen();
  }

  // [base, L, M, L]. `implied`: L is one that must be unpacked on what is below it.
  static TestImage sandwich(bool implied = false) {
    Tar base, repeated, between;
    base.dir("data");
    base.file("data/gone", "base");
    base.file("data/kept", "base");
    base.dir("closed");
    base.file("closed/base", "base");
    if (!implied) repeated.dir("data");
    repeated.file("data/x", "L");
    repeated.file("data/.wh.gone", "");
    repeated.dir("closed");
    repeated.file("closed/.wh..wh..opq", "");
    repeated.file("closed/L", "L");
    repeated.dir("own");
    repeated.file("own/L", "L");
    between.dir("data", 0700);
    between.file("data/x", "M");
    between.file("data/gone", "M");
    between.file("data/new", "M");
    between.dir("closed");
    between.file("closed/M", "M");
    between.file(".wh.own", "");
    return {{made(base), made(repeated), made(between), made(repeated)}};
  }
  void expectSandwich(const Image& image) {
    ASSERT_THAT(image.layers, SizeIs(4));
    const sys::Fd root = snapshots_->openStack(image.layers);
    EXPECT_THAT(sys::listDir(root.get(), "data"), UnorderedElementsAre("x", "kept", "new"));
    EXPECT_EQ(sys::readFile(root.get(), "data/x"), "L");
    EXPECT_THAT(sys::listDir(root.get(), "closed"), ElementsAre("L"));
    EXPECT_THAT(sys::listDir(root.get(), "own"), ElementsAre("L"));
    snapshots_->prepareWritable("container", image.layers);
    {
      const sys::Fd writable = snapshots_->open("container");
      EXPECT_EQ(sys::readFile(writable.get(), "data/x"), "L");
      sys::writeAtomic(writable.get(), "data/x", "changed", 0644);
    }
    EXPECT_FALSE(snapshots_->changes("container", {}).empty());
    snapshots_->removeWritable("container");
  }
};

TEST_P(RepeatedLayerTest, IsFetchedOnceAndTheUppermostPlaceDecides) {
  const TestImage image = sandwich();
  publish("team/app", "1", image);
  pull(nameOf("team/app", "1"));
  EXPECT_THAT(server_.seen(crypto::digestOf(image.layers[1].blob).str()), SizeIs(1));
  expectSandwich(images_->resolve(nameOf("team/app", "1")));
}

TEST_P(RepeatedLayerTest, WithDirectoriesOfThoseBelow) {
  publish("team/app", "1", sandwich(true));
  pull(nameOf("team/app", "1"));
  const Image image = images_->resolve(nameOf("team/app", "1"));
  expectSandwich(image);
  const sys::Fd root = snapshots_->openStack(image.layers);
  EXPECT_EQ(sys::statAt(root.get(), "data").st_mode & 07777, 0700U);  // M's, which L did not name
}

TEST_P(RepeatedLayerTest, AloneAndManyTimes) {
  const TestLayer layer = layerOf("x");
  publish("team/app", "1", {{layer, layer}});
  publish("team/app", "2", {std::vector<TestLayer>(100, layer)});
  for (const char* tag : {"1", "2"}) {
    pull(nameOf("team/app", tag));
    EXPECT_EQ(read(images_->resolve(nameOf("team/app", tag)), "data/x"), "contents");
  }
}

TEST_P(RepeatedLayerTest, SavedLoadedAndPushedAndRemoved) {
  const TestImage image = sandwich();
  const auto digest = publish("team/app", "1", image);
  const std::string name = nameOf("team/app", "1");
  const size_t before = stored();
  pull(name);
  const std::string tar = save({name});
  images_->remove(name, false, false);
  EXPECT_EQ(stored(), before);
  load(tar);
  expectSandwich(images_->resolve(name));
  reopen();
  expectSandwich(images_->resolve(name));
  push("team/app", "1");
  images_->remove(name, false, false);
  EXPECT_THAT(images_->list(), IsEmpty());
  EXPECT_EQ(stored(), before);
  pull(name);
  expectSandwich(images_->resolve(name));
  EXPECT_EQ(images_->resolve(name).id, image.id());
  EXPECT_FALSE(digest.empty());
}

INSTANTIATE_TEST_SUITE_P(Kinds, RepeatedLayerTest,
                         ::testing::Values(snapshot::Kind::kAuto, snapshot::Kind::kCopy),
                         [](const auto& info) {
                           return info.param == snapshot::Kind::kAuto ? "Overlay" : "Copy";
                         });

}  // namespace
}  // namespace image
