#include "storage/image/pull.h"

#include <shared_mutex>

#include "platform/base/error.h"
#include "platform/base/ids.h"
#include "platform/base/log.h"
#include "platform/crypto/hash.h"
#include "platform/json/json.h"
#include "platform/json/value.h"
#include "storage/image/layer_pull.h"
#include "storage/image/manifests.h"
#include "storage/image/retry.h"

namespace image {
namespace {

using base::Code;

constexpr std::int64_t kMaxConfig = 8 << 20;

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
  if (error.word == "NAME_UNKNOWN")
    base::fail(Code::kNotFound, "repository {} not found: {}", reference.familiarName(),
               error.message());
  // Docker answers 401 to wrong credentials, whereupon its command line asks for better ones, and
  // on a pipe waits for ever. They are one more reason why access is denied.
  if (error.status == 401 || error.status == 403 || error.word == "DENIED") {
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
  Fetched fetched;
  for (size_t i = 0; i + 1 < sources.size(); ++i) {
    try {
      fetched.repository = sources[i].get();
      fetched.top = sources[i]->manifest(what, stop);
      return fetched;
    } catch (const base::Error& error) {
      if (error.code() == Code::kCancelled) throw;
      base::log::warn("a mirror was passed over",
                      {{"image", reference.familiar()}, {"error", error.message()}});
    }
  }
  fetched.repository = sources.back().get();
  try {
    fetched.top = retried([&] { return sources.back()->manifest(what, stop); }, stop);
  } catch (const registry::RegistryError& error) {
    throwPullError(error, reference);
  }
  return fetched;
}

oci::Descriptor descriptorOf(const registry::Manifest& manifest) {
  oci::Descriptor descriptor;
  descriptor.mediaType = manifest.mediaType;
  descriptor.digest = manifest.digest;
  descriptor.size = static_cast<std::int64_t>(manifest.body.size());
  return descriptor;
}

std::string fetchConfig(registry::Repository& repository, const oci::Descriptor& config,
                        content::Lease& lease, Parts& parts, std::vector<content::Finished>& blobs,
                        const base::StopToken& stop) {
  if (config.size < 0 || config.size > kMaxConfig)
    base::fail(Code::kInvalidArgument, "image config of {} bytes is too large", config.size);
  auto ingest = parts.content.ingest(lease, config.digest, static_cast<std::uint64_t>(config.size));
  if (ingest) {
    ingest->restart();
    BlobStream stream(repository, config.digest, config.size, parts.attempts, *ingest, {}, stop);
    archive::drain(stream);
    ingest->finish();
  }
  blobs.push_back({config.digest, static_cast<std::uint64_t>(config.size)});
  return parts.content.read(config.digest, static_cast<size_t>(kMaxConfig));
}

// The config alone, into memory only.
std::string readConfig(registry::Repository& repository, const oci::Descriptor& config,
                       const base::StopToken& stop) {
  const auto reader = repository.blob(config.digest, 0, stop);
  std::string text;
  std::vector<char> buffer(64 * 1024);
  while (const size_t n = reader->read(buffer)) {
    text.append(buffer.data(), n);
    if (text.size() > static_cast<size_t>(kMaxConfig))
      base::fail(Code::kInvalidArgument, "image config {} is too large", config.digest.str());
  }
  if (crypto::digestOf(text, crypto::algorithmOf(config.digest)) != config.digest) {
    base::fail(Code::kDataLoss, "the registry sent other bytes than image config {}",
               config.digest.str());
  }
  return text;
}

// Docker pulls what has no list of platforms whatever it was asked for, and says so.
void checkPlatform(const oci::Image& config, const std::optional<Platform>& platform,
                   const oci::Reference& reference, const ProgressSink& progress) {
  if (!config.os.empty() && config.os != "linux") {
    base::fail(Code::kInvalidArgument,
               "image operating system \"{}\" cannot be used on this platform: operating system is "
               "not supported",
               config.os);
  }
  if (!platform || platform->architecture.empty()) return;
  const oci::Platform wanted = platformOf(platform.value_or(Platform()));
  oci::Platform actual;
  actual.os = config.os;
  actual.architecture = config.architecture;
  actual.variant = config.variant;
  if (oci::platformRank(wanted, actual.normalized())) return;
  progress({"", fmt::format("WARNING: image with reference {} was found but its platform ({}) does "
                            "not match the specified platform ({})",
                            reference.familiar(), actual.str(), wanted.str())});
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

void resolveIndex(Fetched& fetched, const oci::Platform& wanted, const base::StopToken& stop) {
  checkDocument(fetched.top.body, fetched.top.mediaType);
  if (!oci::media::isIndex(fetched.top.mediaType)) return;
  const auto index = json::parse<oci::Index>(fetched.top.body);
  const oci::Descriptor chosen = choosePlatform(index, wanted);
  fetched.chosen =
      retried([&] { return fetched.repository->manifest(chosen.digest.str(), stop); }, stop);
  checkDocument(fetched.chosen->body, fetched.chosen->mediaType);
}

void sayStatus(const ProgressSink& progress, const std::string& name, bool newer) {
  progress(
      {"", (newer ? "Status: Downloaded newer image for " : "Status: Image is up to date for ") +
               name});
}

// True: something was downloaded.
bool pullOne(Parts& parts, const oci::Reference& reference, const std::optional<Platform>& platform,
             const registry::Credentials& credentials, const ProgressSink& progress,
             const base::StopToken& stop) {
  auto sources = parts.registries.pullSources(reference.domain(), reference.path(), credentials);
  Fetched fetched = fetchTop(sources, reference, stop);
  progress({reference.digest().empty() ? reference.tag() : reference.str(),
            "Pulling from " + reference.path()});
  resolveIndex(fetched, platformOf(platform.value_or(Platform())), stop);

  const std::shared_lock making(parts.making);
  const auto lease = parts.content.lease("pull " + reference.str());
  NewImage image;
  image.origin = reference.name();
  image.names = namesOf(reference, fetched.top);
  image.blobs.push_back(parts.content.put(*lease, fetched.top.body));
  if (fetched.chosen) image.blobs.push_back(parts.content.put(*lease, fetched.chosen->body));
  const auto manifest = json::parse<oci::Manifest>(fetched.image().body);
  image.rawConfig =
      fetchConfig(*fetched.repository, manifest.config, *lease, parts, image.blobs, stop);
  image.id = manifest.config.digest;
  const oci::Image config = parseConfig(image.rawConfig);
  checkPlatform(config, platform, reference, progress);
  if (config.rootfs.diffIds.size() != manifest.layers.size()) {
    base::fail(Code::kInvalidArgument,
               "layers from manifest don't match image configuration: {} and {}",
               manifest.layers.size(), config.rootfs.diffIds.size());
  }
  const auto named = parts.catalog.nameOf(reference.familiar());
  const bool known = named && named->image == image.id &&
                     named->target.digest == fetched.top.digest && parts.catalog.find(image.id);
  if (!known) {
    std::set<base::Digest> digests(config.rootfs.diffIds.begin(), config.rootfs.diffIds.end());
    const auto held = parts.busy.hold(std::move(digests), stop);
    LayerPull layers(parts, *fetched.repository, *lease, manifest, config.rootfs.diffIds, progress,
                     stop);
    image.layers = layers.run();
    for (content::Finished& blob : layers.blobs()) image.blobs.push_back(std::move(blob));
    commitImage(parts, std::move(image),
                imageEvent("pull", reference.familiar(), reference.familiarName()));
  }
  progress({"", "Digest: " + fetched.top.digest.str()});
  return !known;
}

// What a refused image brought along is of no use to anybody. What a broken connection left is: the
// next pull goes on from there.
bool pullCleanly(Parts& parts, const oci::Reference& reference,
                 const std::optional<Platform>& platform, const registry::Credentials& credentials,
                 const ProgressSink& progress, const base::StopToken& stop) {
  try {
    return pullOne(parts, reference, platform, credentials, progress, stop);
  } catch (const base::Error& error) {
    if (error.code() != Code::kUnavailable && error.code() != Code::kCancelled)
      parts.content.collect();
    throw;
  }
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

oci::Descriptor choosePlatform(const oci::Index& index, const oci::Platform& wanted) {
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
    base::fail(Code::kNotFound, "no matching manifest for {} in the manifest list entries",
               wanted.str());
  }
  return *best;
}

void pull(Parts& parts, const std::string& text, const std::optional<Platform>& platform,
          const registry::Credentials& credentials, const ProgressSink& progress,
          const base::StopToken& stop) {
  const oci::Reference reference = oci::Reference::parse(text).withDefaultTag();
  if (reference.path() == "library/scratch" && reference.domain() == "docker.io")
    base::fail(Code::kForbidden, "'scratch' is a reserved name");
  const bool newer = pullCleanly(parts, reference, platform, credentials, progress, stop);
  sayStatus(progress, reference.familiar(), newer);
}

Images::Remote inspectRemote(Parts& parts, const std::string& text,
                             const registry::Credentials& credentials,
                             const base::StopToken& stop) {
  const oci::Reference reference = oci::Reference::parse(text).withDefaultTag();
  auto sources = parts.registries.pullSources(reference.domain(), reference.path(), credentials);
  const Fetched fetched = fetchTop(sources, reference, stop);
  checkDocument(fetched.top.body, fetched.top.mediaType);
  Images::Remote remote;
  remote.descriptor = descriptorOf(fetched.top);
  if (oci::media::isIndex(fetched.top.mediaType)) {
    for (const oci::Descriptor& one : json::parse<oci::Index>(fetched.top.body).manifests) {
      if (one.platform) remote.platforms.push_back(*one.platform);
    }
    return remote;
  }
  const auto manifest = json::parse<oci::Manifest>(fetched.top.body);
  const oci::Image config = parseConfig(readConfig(*fetched.repository, manifest.config, stop));
  oci::Platform platform;
  platform.os = config.os;
  platform.architecture = config.architecture;
  platform.variant = config.variant;
  platform.osVersion = config.osVersion;
  platform.osFeatures = config.osFeatures;
  remote.platforms.push_back(std::move(platform));
  return remote;
}

void pullAllTags(Parts& parts, const std::string& repository,
                 const std::optional<Platform>& platform, const registry::Credentials& credentials,
                 const ProgressSink& progress, const base::StopToken& stop) {
  const oci::Reference name = oci::Reference::parse(repository);
  std::vector<std::string> tags;
  try {
    const auto source = parts.registries.repository(name.domain(), name.path(),
                                                    registry::Access::kPull, credentials);
    tags = retried([&] { return source->tags(stop); }, stop);
  } catch (const registry::RegistryError& error) {
    throwPullError(error, name);
  }
  if (tags.empty()) base::fail(Code::kNotFound, "no tags in repository {}", name.familiarName());
  bool newer = false;
  for (const std::string& tag : tags)
    newer |=
        pullCleanly(parts, name.nameOnly().withTag(tag), platform, credentials, progress, stop);
  sayStatus(progress, name.familiarName(), newer);
}

}  // namespace image
