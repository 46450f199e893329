// Images over a temporary data root and a registry in the test's own process.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "platform/archive/compression.h"
#include "platform/base/error_test_util.h"
#include "platform/json/json.h"
#include "storage/files/test_tree.h"
#include "storage/image/images.h"
#include "storage/registry/fake_registry.h"

namespace image::testing {

using files::testing::Tar;
using registry::testing::FakeRegistry;

// A layer as plain tar and in the form that a registry holds.
struct TestLayer {
  std::string tar, blob;
  std::string mediaType{oci::media::kDockerLayerGzip};
  base::Digest diffId() const { return crypto::digestOf(tar); }
};

inline std::string packed(const std::string& bytes,
                          archive::Compression how = archive::Compression::kGzip, int level = 0) {
  archive::StringSink out;
  const auto deflater = archive::deflate(out, how, level);
  deflater->write(bytes);
  deflater->finish();
  return out.text;
}

// One file `name` that holds `contents`.
inline TestLayer layerOf(const std::string& name, const std::string& contents = "contents") {
  Tar tar;
  tar.dir("data");
  tar.file("data/" + name, contents);
  TestLayer layer{tar.bytes(), {}};
  layer.blob = packed(layer.tar);
  return layer;
}

struct TestImage {
  std::vector<TestLayer> layers;
  std::string manifestType{oci::media::kDockerManifest};
  std::string architecture = "amd64";
  std::string comment;  // makes the config another one

  oci::Image config() const {
    oci::Image config;
    config.architecture = architecture;
    config.os = "linux";
    config.comment = comment;
    for (const TestLayer& layer : layers) {
      config.rootfs.diffIds.push_back(layer.diffId());
      config.history.push_back({});
      config.history.back().createdBy = "test";
    }
    return config;
  }
  std::string rawConfig() const { return json::write(config()); }
  base::Digest id() const { return crypto::digestOf(rawConfig()); }
  oci::Manifest manifest() const {
    const std::string raw = rawConfig();
    oci::Manifest manifest;
    manifest.mediaType = manifestType;
    manifest.config = {std::string(oci::media::kDockerConfig),
                       crypto::digestOf(raw),
                       static_cast<std::int64_t>(raw.size()),
                       {},
                       {},
                       {},
                       {},
                       {}};
    for (const TestLayer& layer : layers)
      manifest.layers.push_back({layer.mediaType,
                                 crypto::digestOf(layer.blob),
                                 static_cast<std::int64_t>(layer.blob.size()),
                                 {},
                                 {},
                                 {},
                                 {},
                                 {}});
    return manifest;
  }
};

class ImagesTest : public ::testing::Test {
 protected:
  ImagesTest() { reopen(); }
  ~ImagesTest() override { close(); }

  void close() {
    images_.reset();
    snapshots_.reset();
    content_.reset();
    events_.reset();
    store_.reset();
  }
  // As after a restart of the daemon.
  void reopen() {
    close();
    const std::string root = directory_.path();
    store_ = std::make_unique<store::Store>(root);
    events_ = std::make_unique<events::Bus>(*store_);
    content_ = std::make_unique<content::Store>(root, *store_);
    snapshots_ = snapshot::makeSnapshotter({root, kind_}, *store_);
    Options options;
    options.registries.certsDirectory = "/nonexistent";
    options.usedBy = [this](const base::Digest& id) {
      return used_ == id ? users_ : std::vector<User>{};
    };
    images_ =
        std::make_unique<Images>(std::move(options), *store_, *events_, *content_, *snapshots_);
  }

  // Puts `image` into the registry; the digest of its manifest.
  base::Digest publish(const std::string& repository, const std::string& tag,
                       const TestImage& image) {
    return publish(repository, tag, image, json::write(image.manifest()));
  }
  base::Digest publish(const std::string& repository, const std::string& tag,
                       const TestImage& image, const std::string& manifest) {
    server_.blob(repository, image.rawConfig());
    for (const TestLayer& layer : image.layers) server_.blob(repository, layer.blob);
    return server_.manifest(repository, tag, image.manifestType, manifest);
  }
  // An index over `manifests` ("linux/arm64" -> digest) of the repository.
  base::Digest publishIndex(const std::string& repository, const std::string& tag,
                            const std::vector<std::pair<std::string, base::Digest>>& manifests) {
    oci::Index index;
    index.mediaType = oci::media::kIndex;
    for (const auto& [platform, digest] : manifests) {
      const auto [type, body] = server_.manifestOf(repository, digest.str());
      oci::Descriptor one;
      one.mediaType = type;
      one.digest = digest;
      one.size = static_cast<std::int64_t>(body.size());
      one.platform = oci::Platform::parse(platform);
      index.manifests.push_back(std::move(one));
    }
    return server_.manifest(repository, tag, oci::media::kIndex, json::write(index));
  }
  std::string nameOf(const std::string& repository, const std::string& tag) const {
    return server_.host() + "/" + repository + ":" + tag;
  }

  std::vector<Progress> pull(const std::string& name, std::optional<Platform> platform = {}) {
    std::vector<Progress> lines;
    images_->pull(name, platform, {}, [&](const Progress& line) { lines.push_back(line); }, {});
    return lines;
  }
  std::vector<Progress> push(const std::string& repository, const std::string& tag) {
    std::vector<Progress> lines;
    images_->push(server_.host() + "/" + repository, tag, {}, {},
                  [&](const Progress& line) { lines.push_back(line); }, {});
    return lines;
  }
  std::vector<Progress> load(const std::string& tar, std::optional<Platform> platform = {}) {
    std::vector<Progress> lines;
    images_->load(sourceOf(tar), false, platform,
                  [&](const Progress& line) { lines.push_back(line); }, {});
    return lines;
  }
  std::string save(const std::vector<std::string>& names) {
    std::string tar;
    images_->save(names, {}, [&](std::string_view bytes) { tar += bytes; }, {});
    return tar;
  }
  static Images::Source sourceOf(const std::string& bytes) {
    auto source = std::make_shared<archive::StringSource>(bytes);
    return [source](std::span<char> into) { return source->read(into); };
  }
  static std::vector<std::string> statuses(const std::vector<Progress>& lines) {
    std::vector<std::string> found;
    for (const Progress& line : lines) {
      if (!line.status.empty()) found.push_back(line.status);
      if (!line.stream.empty()) found.push_back(line.stream);
    }
    return found;
  }
  // What is on disk of images: blobs, partial downloads, layers.
  size_t stored() {
    snapshots_->settle();
    const std::string content = directory_.path() + "/content/";
    return sys::listDir(AT_FDCWD, content + "blobs/sha256").size() +
           sys::listDir(AT_FDCWD, content + "partial").size() + snapshots_->layers().size();
  }
  std::string read(const Image& image, const std::string& path) {
    const sys::Fd root = snapshots_->openStack(image.layers);
    return sys::readFile(root.get(), path);
  }

  files::testing::TemporaryDirectory directory_;
  snapshot::Kind kind_ = snapshot::Kind::kAuto;
  base::Digest used_;
  std::vector<User> users_;  // of used_
  FakeRegistry server_;
  std::unique_ptr<store::Store> store_;
  std::unique_ptr<events::Bus> events_;
  std::unique_ptr<content::Store> content_;
  std::unique_ptr<snapshot::Snapshotter> snapshots_;
  std::unique_ptr<Images> images_;
};

}  // namespace image::testing
