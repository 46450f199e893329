#include <algorithm>

#include "platform/archive/compression.h"
#include "platform/archive/tar.h"
#include "platform/base/error.h"
#include "platform/base/ids.h"
#include "platform/json/json.h"
#include "platform/json/value.h"
#include "storage/image/import.h"
#include "storage/image/manifests.h"
#include "storage/image/pull.h"
#include "storage/image/save.h"

namespace image {
namespace {

using base::Code;

constexpr size_t kMaxDocument = 16u << 20;
constexpr size_t kMaxFiles = 20'000;
constexpr size_t kMaxNestedIndexes = 4;

// One archive: its files go to the content store as they come, then its documents say what they
// are.
class Loader {
 public:
  Loader(Parts& parts, const ProgressSink& progress, bool quiet,
         const std::optional<Platform>& platform, const base::StopToken& stop)
      : parts_(parts),
        progress_(progress),
        quiet_(quiet),
        platform_(platform),
        stop_(stop),
        lease_(parts.content.lease("load")) {}

  void read(archive::Source& tar);
  void makeImages();

 private:
  struct Wanted {
    base::Digest config;
    std::vector<base::Digest> layers;  // blobs, compressed or not
    std::vector<std::string> tags;     // complete
    oci::Descriptor target;            // of OCI layouts
    std::vector<base::Digest> documents;
  };
  void store(const std::string& name, archive::TarReader& reader, const archive::TarEntry& entry);
  base::Digest fileOf(const std::string& name) const;
  const content::Finished& blobOf(const base::Digest& digest) const;
  std::string document(const base::Digest& digest) const {
    return parts_.content.read(digest, kMaxDocument);
  }
  std::vector<Wanted> fromDockerManifest(const std::string& text) const;
  std::vector<Wanted> fromIndex(const std::string& text) const;
  void collectIndex(const oci::Index& index, const std::vector<std::string>& tags,
                    std::vector<base::Digest> documents, size_t depth,
                    std::vector<Wanted>& wanted) const;
  void makeImage(const Wanted& wanted);
  // The next one on `lower`.
  Layer layerOf(const Wanted& wanted, const std::vector<base::Digest>& diffIds,
                const std::vector<Layer>& lower, const snapshot::Stack& below);
  std::unique_ptr<archive::Source> open(const base::Digest& blob,
                                        std::unique_ptr<archive::Source>& keep) const;

  Parts& parts_;
  const ProgressSink& progress_;
  const bool quiet_;
  const std::optional<Platform> platform_;
  const base::StopToken stop_;
  std::unique_ptr<content::Lease> lease_;
  std::map<std::string, base::Digest> files_;
  std::map<base::Digest, content::Finished> blobs_;
};

// Names by digest are for registries to give: an archive could claim any.
std::string tagOf(const std::string& text) {
  const oci::Reference reference = oci::Reference::parse(text).withDefaultTag();
  if (!reference.digest().empty())
    base::fail(Code::kInvalidArgument, "invalid archive: invalid tag \"{}\"", text);
  return reference.str();
}

std::string cleanName(std::string name) {
  while (name.starts_with("./")) name.erase(0, 2);
  return name;
}

void Loader::store(const std::string& name, archive::TarReader& reader,
                   const archive::TarEntry& entry) {
  if (files_.size() >= kMaxFiles)
    base::fail(Code::kInvalidArgument, "the archive holds more than {} files", kMaxFiles);
  std::unique_ptr<content::Ingest> ingest;
  const std::string prefix = "blobs/sha256/";
  std::optional<base::Digest> known;
  if (name.starts_with(prefix))
    known = base::Digest::tryParse("sha256:" + name.substr(prefix.size()));
  if (known) {
    ingest = parts_.content.ingest(*lease_, *known, entry.size);
    if (ingest) ingest->restart();
  } else {
    ingest = parts_.content.ingestUnknown(*lease_);
  }
  for (auto data = reader.data(); !data.empty(); data = reader.data()) {
    stop_.throwIfStopped();
    if (ingest) ingest->write(data);
  }
  const content::Finished finished =
      ingest ? ingest->finish() : content::Finished{*known, entry.size};
  files_[name] = finished.digest;
  blobs_[finished.digest] = finished;
}

void Loader::read(archive::Source& tar) {
  archive::TarReader reader(tar);
  archive::TarEntry entry;
  std::vector<std::pair<std::string, std::string>> links;
  while (reader.next(entry)) {
    const std::string name = cleanName(entry.name);
    if (entry.type == archive::EntryType::kFile) store(name, reader, entry);
    // Old archives name a layer that two images share once, and link to it.
    if (entry.type == archive::EntryType::kSymlink || entry.type == archive::EntryType::kHardLink)
      links.emplace_back(name, entry.linkName);
  }
  for (const auto& [name, target] : links) {
    std::string path = cleanName(target);
    if (path.starts_with("../")) path.erase(0, 3);
    if (const auto found = files_.find(path); found != files_.end()) files_[name] = found->second;
  }
}

base::Digest Loader::fileOf(const std::string& name) const {
  const auto found = files_.find(cleanName(name));
  if (found == files_.end())
    base::fail(Code::kInvalidArgument, "invalid archive: {} is missing", name);
  return found->second;
}

const content::Finished& Loader::blobOf(const base::Digest& digest) const {
  const auto found = blobs_.find(digest);
  if (found == blobs_.end())
    base::fail(Code::kInvalidArgument, "invalid archive: blob {} is missing", digest.str());
  return found->second;
}

std::vector<Loader::Wanted> Loader::fromDockerManifest(const std::string& text) const {
  std::vector<Wanted> list;
  const json::Value document = json::Value::parse(text);
  for (const json::Value& entry : document.asArray()) {
    Wanted wanted;
    wanted.config = fileOf(entry["Config"].asString());
    for (const json::Value& layer : entry["Layers"].asArray())
      wanted.layers.push_back(fileOf(layer.asString()));
    if (entry["RepoTags"].isArray()) {
      for (const json::Value& tag : entry["RepoTags"].asArray())
        wanted.tags.push_back(tagOf(tag.asString()));
    }
    list.push_back(std::move(wanted));
  }
  return list;
}

void Loader::collectIndex(const oci::Index& index, const std::vector<std::string>& tags,
                          std::vector<base::Digest> documents, size_t depth,
                          std::vector<Wanted>& wanted) const {
  if (depth > kMaxNestedIndexes)
    base::fail(Code::kInvalidArgument, "invalid archive: indexes are nested too deep");
  for (const oci::Descriptor& descriptor : index.manifests) {
    std::vector<std::string> names = tags;
    if (const auto name = descriptor.annotations.find("io.containerd.image.name");
        name != descriptor.annotations.end()) {
      names.push_back(tagOf(name->second));
    }
    if (blobs_.find(descriptor.digest) == blobs_.end())
      continue;  // another platform, left out of the archive
    const std::string body = document(descriptor.digest);
    auto below = documents;
    below.push_back(descriptor.digest);
    if (oci::media::isIndex(descriptor.mediaType)) {
      checkDocument(body, descriptor.mediaType);
      const auto inner = json::parse<oci::Index>(body);
      oci::Index chosen;
      chosen.manifests.push_back(choosePlatform(inner, platformOf(platform_.value_or(Platform()))));
      collectIndex(chosen, names, below, depth + 1, wanted);
      continue;
    }
    if (!oci::media::isManifest(descriptor.mediaType)) continue;
    checkDocument(body, descriptor.mediaType);
    const auto manifest = json::parse<oci::Manifest>(body);
    Wanted one;
    one.config = manifest.config.digest;
    for (const auto& layer : manifest.layers) one.layers.push_back(layer.digest);
    one.tags = names;
    one.target = descriptor;
    one.documents = below;
    wanted.push_back(std::move(one));
  }
}

std::vector<Loader::Wanted> Loader::fromIndex(const std::string& text) const {
  std::vector<Wanted> wanted;
  collectIndex(json::parse<oci::Index>(text), {}, {}, 0, wanted);
  return wanted;
}

void Loader::makeImages() {
  std::vector<Wanted> wanted;
  if (const auto docker = files_.find("manifest.json"); docker != files_.end()) {
    wanted = fromDockerManifest(document(docker->second));
  } else if (const auto index = files_.find("index.json"); index != files_.end()) {
    wanted = fromIndex(document(index->second));
  } else {
    base::fail(Code::kInvalidArgument,
               "invalid archive: it has neither manifest.json nor index.json");
  }
  if (wanted.empty())
    base::fail(Code::kInvalidArgument, "invalid archive: no image for this platform in it");
  for (const Wanted& one : wanted) {
    blobOf(one.config);
    for (const base::Digest& layer : one.layers) blobOf(layer);
  }
  if (platform_) {
    std::erase_if(wanted, [this](const Wanted& one) {
      Image image;
      image.config = parseConfig(document(one.config));
      return !isOf(image, *platform_);
    });
    if (wanted.empty())
      base::fail(Code::kNotFound, "requested platform {} not found in the archive",
                 platformOf(*platform_).str());
  }
  for (const Wanted& one : wanted) makeImage(one);
}

std::unique_ptr<archive::Source> Loader::open(const base::Digest& blob,
                                              std::unique_ptr<archive::Source>& keep) const {
  keep = parts_.content.open(blob);
  return archive::inflateDetected(*keep).plain;
}

Layer Loader::layerOf(const Wanted& wanted, const std::vector<base::Digest>& diffIds,
                      const std::vector<Layer>& lower, const snapshot::Stack& below) {
  const size_t index = lower.size();
  if (auto layer = parts_.layers.existing(diffIds, index)) return std::move(*layer);
  for (size_t first = 0; first < index && parts_.layers.independent(); ++first) {
    if (lower[first].staging && diffIds[first] == diffIds[index])
      return Layers::again(lower, first);
  }
  std::unique_ptr<archive::Source> blob;
  const auto plain = open(wanted.layers[index], blob);
  archive::PipelinedSource ahead(*plain);
  if (!quiet_) {
    Progress line{base::shortId(diffIds[index].str()), "Loading layer"};
    line.current = line.total = static_cast<std::int64_t>(blobOf(wanted.layers[index]).size);
    line.detail = true;
    progress_(line);
  }
  if (parts_.layers.independent())
    return parts_.layers.unpack(*lease_, ahead, diffIds[index], stop_);
  return parts_.layers.unpackOn(*lease_, ahead, diffIds[index], chainIdOf(diffIds, index + 1),
                                below, stop_);
}

void Loader::makeImage(const Wanted& wanted) {
  NewImage image;
  image.rawConfig = document(wanted.config);
  image.id = wanted.config;
  const oci::Image config = parseConfig(image.rawConfig);
  const auto& diffIds = config.rootfs.diffIds;
  if (diffIds.size() != wanted.layers.size()) {
    base::fail(Code::kInvalidArgument, "invalid archive: {} layers, and {} in the config",
               wanted.layers.size(), diffIds.size());
  }
  const auto held = parts_.busy.hold({diffIds.begin(), diffIds.end()}, stop_);
  snapshot::Stack below;
  for (size_t index = 0; index < diffIds.size(); ++index) {
    image.layers.push_back(layerOf(wanted, diffIds, image.layers, below));
    Layer& layer = image.layers.back();
    below.push_back(layer.row.id);
    if (!parts_.layers.independent() && layer.staging && index + 1 < diffIds.size()) {
      std::vector<snapshot::Committed> ready;
      ready.push_back({std::move(layer.staging), layer.row.bytes});
      parts_.snapshots.commit(std::move(ready), [](store::Transaction&) {});
    }
  }
  parts_.layers.settle(
      *lease_, image.layers, diffIds,
      [&](size_t index) {
        std::unique_ptr<archive::Source> blob;
        auto plain = open(wanted.layers[index], blob);
        return std::make_unique<archive::FunctionSource>(
            [blob = std::shared_ptr<archive::Source>(std::move(blob)),
             plain = std::shared_ptr<archive::Source>(std::move(plain))](std::span<char> into) {
              return plain->read(into);
            });
      },
      stop_);
  image.blobs.push_back(blobOf(wanted.config));
  for (const auto& document : wanted.documents) image.blobs.push_back(blobOf(document));
  // Layers of OCI layouts are kept as they came: their digests are what a manifest names. Plain
  // ones are not.
  for (size_t index = 0; index < wanted.layers.size(); ++index) {
    if (wanted.layers[index] == diffIds[index]) continue;
    image.blobs.push_back(blobOf(wanted.layers[index]));
  }
  for (const std::string& tag : wanted.tags) image.names.emplace_back(tag, wanted.target);
  commitImage(
      parts_, std::move(image),
      imageEvent("load", wanted.config.str(), wanted.tags.empty() ? "" : wanted.config.str()));
  for (const std::string& tag : wanted.tags) {
    Progress line;
    line.stream = "Loaded image: " + oci::Reference::parse(tag).familiar() + "\n";
    progress_(line);
  }
  if (wanted.tags.empty()) {
    Progress line;
    line.stream = "Loaded image ID: " + wanted.config.str() + "\n";
    progress_(line);
  }
}

}  // namespace

void load(Parts& parts, const Images::Source& source, bool quiet,
          const std::optional<Platform>& platform, const ProgressSink& progress,
          const base::StopToken& stop) {
  const std::shared_lock making(parts.making);
  archive::FunctionSource tar(source);
  const archive::Detected plain = archive::inflateDetected(tar);
  Loader loader(parts, progress, quiet, platform, stop);
  loader.read(*plain.plain);
  loader.makeImages();
}

}  // namespace image
