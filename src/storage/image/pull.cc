#include "storage/image/pull.h"

#include <shared_mutex>

#include "platform/base/error.h"
#include "platform/base/ids.h"
#include "platform/json/json.h"
#include "platform/json/value.h"
#include "storage/image/layer_pull.h"

namespace image {
namespace {

using base::Code;

constexpr std::int64_t kMaxConfig = 8 << 20;
constexpr size_t kMaxLayers = 512;

struct Fetched {
  registry::Repository* repository = nullptr;
  registry::Manifest top;                    // what the name points at
  std::optional<registry::Manifest> chosen;  // of an index
  const registry::Manifest& image() const { return chosen ? *chosen : top; }
};

[[noreturn]] void throwPullError(const registry::RegistryError& error,
                                 const oci::Reference& reference) {
  if (error.word == "MANIFEST_UNKNOWN" || (error.status == 404 && error.word.empty())) {
    base::fail(Code::kNotFound, "manifest for {} not found: {}", reference.familiar(),
               error.message());
  }
  if (error.status == 401 || error.status == 403 || error.word == "NAME_UNKNOWN" ||
      error.word == "DENIED") {
    base::fail(
        Code::kNotFound,
        "pull access denied for {}, repository does not exist or may require 'docker login': {}",
        reference.familiarName(), error.message());
  }
  throw error;
}

// The first source that has it: mirrors, then the registry itself, whose word counts when none has.
Fetched fetchTop(std::vector<std::unique_ptr<registry::Repository>>& sources,
                 const oci::Reference& reference, const base::StopToken& stop) {
  const std::string what = reference.digest().empty() ? reference.tag() : reference.digest().str();
  for (size_t i = 0;; ++i) {
    try {
      Fetched fetched;
      fetched.repository = sources[i].get();
      fetched.top = sources[i]->manifest(what, stop);
      return fetched;
    } catch (const registry::RegistryError& error) {
      if (i + 1 == sources.size()) throwPullError(error, reference);
    } catch (const base::Error& error) {
      if (i + 1 == sources.size() || error.code() == Code::kCancelled) throw;
    }
  }
}

oci::Platform wantedPlatform(const std::optional<Platform>& platform) {
  oci::Platform wanted = oci::Platform::host();
  if (platform && !platform->os.empty()) wanted.os = platform->os;
  if (platform && !platform->architecture.empty()) {
    wanted.architecture = platform->architecture;
    wanted.variant = platform->variant;
  }
  return wanted.normalized();
}

oci::Descriptor descriptorOf(const registry::Manifest& manifest) {
  oci::Descriptor descriptor;
  descriptor.mediaType = manifest.mediaType;
  descriptor.digest = manifest.digest;
  descriptor.size = static_cast<std::int64_t>(manifest.body.size());
  return descriptor;
}

std::string fetchConfig(registry::Repository& repository, const oci::Descriptor& config,
                        content::Lease& lease, content::Store& content,
                        std::vector<content::Finished>& blobs, const base::StopToken& stop) {
  if (config.size < 0 || config.size > kMaxConfig)
    base::fail(Code::kInvalidArgument, "image config of {} bytes is too large", config.size);
  auto ingest = content.ingest(lease, config.digest, static_cast<std::uint64_t>(config.size));
  if (ingest) {
    ingest->restart();
    const auto reader = repository.blob(config.digest, 0, stop);
    std::vector<char> buffer(64 * 1024);
    while (const size_t n = reader->read(buffer))
      ingest->write(std::span<const char>(buffer.data(), n));
    ingest->finish();
  }
  blobs.push_back({config.digest, static_cast<std::uint64_t>(config.size)});
  return content.read(config.digest, static_cast<size_t>(kMaxConfig));
}

void checkPlatform(const oci::Image& config, const std::optional<Platform>& platform,
                   const oci::Reference& reference) {
  if (!platform || platform->architecture.empty()) return;
  const oci::Platform wanted = wantedPlatform(platform);
  oci::Platform actual;
  actual.os = config.os;
  actual.architecture = config.architecture;
  actual.variant = config.variant;
  if (!oci::platformRank(wanted, actual.normalized())) {
    base::fail(Code::kNotFound,
               "image with reference {} was found but does not match the specified platform: "
               "wanted {}, actual: {}",
               reference.familiar(), wanted.str(), actual.str());
  }
}

std::vector<std::pair<std::string, oci::Descriptor>> namesOf(const oci::Reference& reference,
                                                             const registry::Manifest& top) {
  const oci::Descriptor target = descriptorOf(top);
  std::vector<std::pair<std::string, oci::Descriptor>> names;
  if (!reference.tag().empty() && reference.digest().empty())
    names.emplace_back(reference.str(), target);
  names.emplace_back(reference.nameOnly().withDigest(top.digest).str(), target);
  return names;
}

void resolveIndex(Fetched& fetched, const oci::Platform& wanted, const oci::Reference& reference,
                  const base::StopToken& stop) {
  checkDocument(fetched.top.body, fetched.top.mediaType);
  if (!oci::media::isIndex(fetched.top.mediaType)) return;
  const auto index = json::parse<oci::Index>(fetched.top.body);
  const oci::Descriptor chosen = choosePlatform(index, wanted, reference.familiar());
  fetched.chosen = fetched.repository->manifest(chosen.digest.str(), stop);
  checkDocument(fetched.chosen->body, fetched.chosen->mediaType);
}

void sayStatus(const ProgressSink& progress, const oci::Reference& reference,
               const base::Digest& digest, bool newer) {
  progress({"", "Digest: " + digest.str()});
  progress({"", std::string(newer ? "Status: Downloaded newer image for "
                                  : "Status: Image is up to date for ") +
                    reference.familiar()});
}

}  // namespace

void checkDocument(const std::string& body, const std::string& mediaType) {
  if (mediaType == oci::media::kDockerManifestV1 ||
      mediaType == oci::media::kDockerManifestV1Signed) {
    base::fail(Code::kInvalidArgument,
               "[DEPRECATION NOTICE] Docker Image Format v1 and Docker Image manifest version 2, "
               "schema 1 are not supported: "
               "convert the image to OCI or Docker schema 2");
  }
  const bool index = oci::media::isIndex(mediaType);
  if (!index && !oci::media::isManifest(mediaType)) {
    base::fail(Code::kInvalidArgument, "unsupported manifest media type \"{}\"", mediaType);
  }
  const json::Value document = json::Value::parse(body);
  const bool hasManifests = document.find("manifests") != nullptr;
  const bool hasLayers = document.find("layers") != nullptr || document.find("config") != nullptr;
  if (index ? hasLayers : hasManifests) {
    base::fail(Code::kInvalidArgument,
               "the document says it is \"{}\" and holds parts of another kind: refused",
               mediaType);
  }
  const json::Value& inner = document["mediaType"];
  if (inner.isString() && !inner.asString().empty() && inner.asString() != mediaType) {
    base::fail(Code::kInvalidArgument,
               "the registry calls the document \"{}\", the document itself says \"{}\"", mediaType,
               inner.asString());
  }
}

oci::Descriptor choosePlatform(const oci::Index& index, const oci::Platform& wanted,
                               const std::string& name) {
  const oci::Descriptor* best = nullptr;
  int bestRank = 0;
  for (const oci::Descriptor& candidate : index.manifests) {
    if (!candidate.platform || candidate.platform->os == "unknown") continue;  // attestations
    const auto rank = oci::platformRank(wanted, candidate.platform->normalized());
    if (!rank || (best && *rank >= bestRank)) continue;
    best = &candidate;
    bestRank = *rank;
  }
  if (!best && index.manifests.size() == 1 && !index.manifests.front().platform)
    best = &index.manifests.front();
  if (!best) {
    base::fail(Code::kNotFound,
               "no matching manifest for {} in the manifest list entries: no match for platform in "
               "manifest: not found ({})",
               wanted.str(), name);
  }
  return *best;
}

void pull(Parts& parts, const std::string& text, const std::optional<Platform>& platform,
          const registry::Credentials& credentials, const ProgressSink& progress,
          const base::StopToken& stop) {
  const oci::Reference reference = oci::Reference::parse(text).withDefaultTag();
  if (reference.path() == "library/scratch" && reference.domain() == "docker.io")
    base::fail(Code::kForbidden, "'scratch' is a reserved name");
  auto sources = parts.registries.pullSources(reference.domain(), reference.path(), credentials);
  Fetched fetched = fetchTop(sources, reference, stop);
  progress({reference.digest().empty() ? reference.tag() : reference.digest().str(),
            "Pulling from " + reference.path()});
  resolveIndex(fetched, wantedPlatform(platform), reference, stop);

  const std::shared_lock making(parts.making);
  const auto lease = parts.content.lease("pull " + reference.str());
  NewImage image;
  image.origin = reference.name();
  image.names = namesOf(reference, fetched.top);
  image.blobs.push_back(parts.content.put(*lease, fetched.top.body));
  if (fetched.chosen) image.blobs.push_back(parts.content.put(*lease, fetched.chosen->body));
  const auto manifest = json::parse<oci::Manifest>(fetched.image().body);
  image.rawConfig =
      fetchConfig(*fetched.repository, manifest.config, *lease, parts.content, image.blobs, stop);
  image.id = manifest.config.digest;
  const oci::Image config = parseConfig(image.rawConfig);
  checkPlatform(config, platform, reference);
  if (config.rootfs.diffIds.size() != manifest.layers.size() ||
      manifest.layers.size() > kMaxLayers) {
    base::fail(Code::kInvalidArgument, "the manifest has {} layers, the config {}",
               manifest.layers.size(), config.rootfs.diffIds.size());
  }
  const auto named = parts.catalog.nameOf(reference.familiar());
  const bool known = named && named->image == image.id &&
                     named->target.digest == fetched.top.digest && parts.catalog.find(image.id);
  if (known) return sayStatus(progress, reference, fetched.top.digest, false);

  std::set<base::Digest> digests(config.rootfs.diffIds.begin(), config.rootfs.diffIds.end());
  const auto held = parts.busy.hold(std::move(digests), stop);
  LayerPull layers(parts, *fetched.repository, *lease, manifest, config.rootfs.diffIds, progress,
                   stop);
  image.layers = layers.run();
  for (content::Finished& blob : layers.blobs()) image.blobs.push_back(std::move(blob));
  commitImage(parts, std::move(image),
              imageEvent("pull", reference.familiar(), reference.familiarName()));
  sayStatus(progress, reference, fetched.top.digest, true);
}

void pullAllTags(Parts& parts, const std::string& repository,
                 const std::optional<Platform>& platform, const registry::Credentials& credentials,
                 const ProgressSink& progress, const base::StopToken& stop) {
  const oci::Reference name = oci::Reference::parse(repository);
  std::vector<std::string> tags;
  try {
    tags = parts.registries
               .repository(name.domain(), name.path(), registry::Access::kPull, credentials)
               ->tags(stop);
  } catch (const registry::RegistryError& error) {
    throwPullError(error, name);
  }
  if (tags.empty()) base::fail(Code::kNotFound, "no tags in repository {}", name.familiarName());
  for (const std::string& tag : tags)
    pull(parts, name.nameOnly().withTag(tag).str(), platform, credentials, progress, stop);
}

}  // namespace image
