#include "storage/image/save.h"

#include <map>
#include <set>

#include "platform/archive/tar.h"
#include "platform/base/error.h"
#include "platform/json/json.h"
#include "platform/json/value.h"
#include "storage/image/manifests.h"

namespace image {
namespace {

using base::Code;

class Archive {
 public:
  Archive(Parts& parts, archive::Sink& sink, const base::StopToken& stop)
      : parts_(parts), tar_(sink), stop_(stop) {
    directory("blobs/");
    directory("blobs/sha256/");
  }

  void addImage(const Image& image, const std::vector<std::string>& tags);
  void finish();

 private:
  void directory(const std::string& name);
  void file(const std::string& name, std::string_view bytes);
  void layer(const LayerRow& row);
  oci::Descriptor blob(std::string_view mediaType, const std::string& text);

  Parts& parts_;
  archive::TarWriter tar_;
  const base::StopToken& stop_;
  std::set<std::string> written_;
  json::Value docker_ = json::Value::array({});
  // Name -> tag -> the uppermost layer: what clients older than manifest.json read.
  std::map<std::string, std::map<std::string, std::string>> repositories_;
  oci::Index index_;
};

void Archive::directory(const std::string& name) {
  archive::TarEntry entry;
  entry.type = archive::EntryType::kDirectory;
  entry.name = name;
  entry.mode = 0755;
  tar_.add(entry);
}

void Archive::file(const std::string& name, std::string_view bytes) {
  if (!written_.insert(name).second) return;
  archive::TarEntry entry;
  entry.name = name;
  entry.mode = 0644;
  entry.size = bytes.size();
  tar_.add(entry);
  tar_.data(std::span<const char>(bytes.data(), bytes.size()));
}

oci::Descriptor Archive::blob(std::string_view mediaType, const std::string& text) {
  oci::Descriptor descriptor;
  descriptor.mediaType = mediaType;
  descriptor.digest = crypto::digestOf(text);
  descriptor.size = static_cast<std::int64_t>(text.size());
  file("blobs/sha256/" + std::string(descriptor.digest.hex()), text);
  return descriptor;
}

void Archive::layer(const LayerRow& row) {
  const std::string name = "blobs/sha256/" + std::string(row.diffId.hex());
  if (!written_.insert(name).second) return;
  archive::TarEntry entry;
  entry.name = name;
  entry.mode = 0644;
  entry.size = row.tarBytes;
  tar_.add(entry);
  const auto source = parts_.layers.tar(row);
  archive::HashingSource hashed(*source);
  for (auto block = hashed.block(); !block.empty(); block = hashed.block()) {
    stop_.throwIfStopped();
    tar_.data(block);
  }
  if (const auto digest = hashed.finish(); digest != row.diffId) {
    base::fail(Code::kDataLoss, "layer {} was changed on disk: its tar is now {}", row.diffId.str(),
               digest.str());
  }
}

void Archive::addImage(const Image& image, const std::vector<std::string>& tags) {
  oci::Manifest manifest;
  manifest.mediaType = oci::media::kManifest;
  manifest.config = blob(oci::media::kConfig, image.rawConfig);
  json::Value layerNames = json::Value::array({});
  json::Value sources = json::Value::object();
  for (const auto& id : image.layers) {
    const auto row = parts_.catalog.layer(id);
    if (!row) base::fail(Code::kDataLoss, "layer {} of {} is missing", id.str(), image.id.str());
    layer(*row);
    oci::Descriptor descriptor;
    descriptor.mediaType = oci::media::kLayer;
    descriptor.digest = row->diffId;
    descriptor.size = static_cast<std::int64_t>(row->tarBytes);
    manifest.layers.push_back(descriptor);
    layerNames.asArray().push_back("blobs/sha256/" + std::string(row->diffId.hex()));
    sources.set(row->diffId.str(), {{"mediaType", oci::media::kLayer},
                                    {"size", descriptor.size},
                                    {"digest", row->diffId.str()}});
  }
  oci::Descriptor target = blob(oci::media::kManifest, json::write(manifest));
  json::Value repoTags = tags.empty() ? json::Value() : json::Value::array({});
  for (const std::string& tag : tags) {
    repoTags.asArray().push_back(tag);
    oci::Descriptor named = target;
    const oci::Reference reference = oci::Reference::parse(tag);
    named.annotations["io.containerd.image.name"] = reference.str();
    named.annotations["org.opencontainers.image.ref.name"] = reference.tag();
    if (!manifest.layers.empty())
      repositories_[reference.familiarName()][reference.tag()] =
          manifest.layers.back().digest.hex();
    index_.manifests.push_back(std::move(named));
  }
  if (tags.empty()) index_.manifests.push_back(target);
  json::Value entry = json::Value::object();
  entry.set("Config", "blobs/sha256/" + std::string(image.id.hex()));
  entry.set("RepoTags", std::move(repoTags));
  entry.set("Layers", std::move(layerNames));
  entry.set("LayerSources", std::move(sources));
  docker_.asArray().push_back(std::move(entry));
}

void Archive::finish() {
  index_.mediaType = oci::media::kIndex;
  file("index.json", json::write(index_));
  file("manifest.json", docker_.write() + "\n");
  file("oci-layout", R"({"imageLayoutVersion": "1.0.0"})");
  json::Value repositories = json::Value::object();
  for (const auto& [name, tags] : repositories_) {
    json::Value layers = json::Value::object();
    for (const auto& [tag, layer] : tags) layers.set(tag, layer);
    repositories.set(name, std::move(layers));
  }
  if (!repositories_.empty()) file("repositories", repositories.write() + "\n");
  tar_.finish();
}

}  // namespace

void save(Parts& parts, const std::vector<std::string>& references,
          const std::optional<Platform>& platform, const Images::Sink& sink,
          const base::StopToken& stop) {
  // Everything is looked up before the first byte, so that an unknown name is still an HTTP error.
  std::vector<std::pair<Image, std::vector<std::string>>> wanted;
  const auto add = [&](const Image& image, const std::string& tag) {
    for (auto& [known, tags] : wanted) {
      if (known.id != image.id) continue;
      if (!tag.empty() && std::find(tags.begin(), tags.end(), tag) == tags.end())
        tags.push_back(tag);
      return;
    }
    wanted.emplace_back(image,
                        tag.empty() ? std::vector<std::string>{} : std::vector<std::string>{tag});
  };
  for (const std::string& reference : references) {
    const auto named = parts.catalog.nameOf(reference);
    const auto image = parts.catalog.resolve(reference);
    if (!image) base::fail(Code::kNotFound, "No such image: {}", reference);
    if (platform && !isOf(*image, *platform)) {
      base::fail(Code::kNotFound, "no suitable export target found for platform {}: {} is {}",
                 platformOf(*platform).str(), reference, platformOf(*image).str());
    }
    const auto parsed = named ? std::optional(oci::Reference::parse(named->name)) : std::nullopt;
    add(*image, parsed && parsed->digest().empty() ? parsed->familiar() : "");
  }
  const std::shared_lock making(parts.making);
  archive::FunctionSink out(
      [&](std::span<const char> bytes) { sink(std::string_view(bytes.data(), bytes.size())); });
  Archive archive(parts, out, stop);
  for (const auto& [image, tags] : wanted) archive.addImage(image, tags);
  archive.finish();
}

}  // namespace image
