#include "storage/image/push.h"

#include <algorithm>
#include <thread>

#include "platform/archive/compression.h"
#include "platform/base/error.h"
#include "platform/base/ids.h"
#include "platform/json/json.h"
#include "storage/image/manifests.h"
#include "storage/image/produced_source.h"
#include "storage/image/retry.h"

namespace image {
namespace {

using base::Code;

constexpr std::int64_t kReportEvery = 100'000'000;

class Push {
 public:
  Push(Parts& parts, registry::Repository& repository, oci::Reference reference, Image image,
       const ProgressSink& progress, const base::StopToken& stop)
      : parts_(parts),
        repository_(repository),
        reference_(std::move(reference)),
        image_(std::move(image)),
        progress_(progress),
        outer_(stop.onStop([source = stop_] { source.stop(); })) {}

  void run();

 private:
  void work();
  void pushLayer(size_t index);
  bool exists(size_t index, const oci::Descriptor& blob);
  bool mounted(size_t index, const oci::Descriptor& blob);
  void sendStored(size_t index, const oci::Descriptor& blob);
  oci::Descriptor compressAndSend(size_t index, const LayerRow& row);
  void pushConfig();
  void sendConfig();
  std::string manifestText(std::string& mediaType) const;
  void remember(const base::Digest& manifest, const std::string& body,
                const std::string& mediaType);
  void say(size_t index, const std::string& status, std::int64_t current = 0,
           std::int64_t total = 0);
  std::string idOf(size_t index) const {
    return base::shortId(chainIdOf(image_.diffIds, index + 1).str());
  }

  Parts& parts_;
  registry::Repository& repository_;
  const oci::Reference reference_;
  const Image image_;
  const ProgressSink& progress_;
  base::StopSource stop_;
  std::shared_ptr<void> outer_;
  std::mutex mutex_;  // progress_, failure_
  std::exception_ptr failure_;
  std::vector<LayerRow> rows_;
  std::atomic<size_t> next_{0};
};

void Push::say(size_t index, const std::string& status, std::int64_t current, std::int64_t total) {
  Progress line{idOf(index), status};
  line.current = current;
  line.total = total;
  line.detail = true;
  const std::lock_guard lock(mutex_);
  progress_(line);
}

bool Push::exists(size_t index, const oci::Descriptor& blob) {
  if (!retried([&] { return repository_.blobSize(blob.digest, stop_.token()); }, stop_.token()))
    return false;
  say(index, "Layer already exists");
  return true;
}

// Another repository of the same registry that is known to hold it gives it without a byte sent.
bool Push::mounted(size_t index, const oci::Descriptor& blob) {
  const auto info = parts_.content.info(blob.digest);
  if (!info) return false;
  const std::string host = reference_.domain() + "/";
  for (const std::string& origin : info->origins) {
    if (!origin.starts_with(host) || origin == reference_.name()) continue;
    const std::string from = origin.substr(host.size());
    try {
      if (!repository_.mount(blob.digest, from, stop_.token())) continue;
    } catch (const registry::RegistryError& error) {
      // Nothing of that repository may be taken: the blob is sent instead.
      if (error.status != 401 && error.status != 403 && error.status != 404) throw;
      continue;
    }
    say(index, "Mounted from " + from);
    return true;
  }
  return false;
}

void Push::sendStored(size_t index, const oci::Descriptor& blob) {
  const auto reader = parts_.content.open(blob.digest);
  std::int64_t sent = 0;
  std::int64_t reported = 0;
  repository_.upload(
      [&](std::span<char> into) {
        const size_t count = reader->read(into);
        sent += static_cast<std::int64_t>(count);
        if (const auto now = base::monotonicNs(); now - reported > kReportEvery) {
          reported = now;
          say(index, "Pushing", sent, blob.size);
        }
        return count;
      },
      blob.size, [&] { return blob.digest; }, stop_.token());
}

// Rebuilds the exact tar and compresses it on its way out; the digest is known when the last byte
// is.
oci::Descriptor Push::compressAndSend(size_t index, const LayerRow& row) {
  const auto tar = parts_.layers.tar(row);
  base::Digest digest;
  std::int64_t size = 0;
  ProducedSource compressed([&](archive::Sink& sink) {
    archive::HashingSink hashed(&sink);
    const auto gzip = archive::deflate(hashed, archive::Compression::kGzip);
    archive::HashingSource plain(*tar);
    archive::copy(plain, *gzip);
    gzip->finish();
    if (const auto diffId = plain.finish(); diffId != row.diffId) {
      base::fail(Code::kDataLoss, "layer {} was changed on disk: its tar is now {}",
                 row.diffId.str(), diffId.str());
    }
    size = static_cast<std::int64_t>(hashed.bytes());
    digest = hashed.finish();
  });
  std::int64_t sent = 0;
  std::int64_t reported = 0;
  repository_.upload(
      [&](std::span<char> into) {
        const size_t count = compressed.read(into);
        sent += static_cast<std::int64_t>(count);
        if (const auto now = base::monotonicNs(); now - reported > kReportEvery) {
          reported = now;
          say(index, "Pushing", sent);
        }
        return count;
      },
      -1, [&] { return digest; }, stop_.token());
  oci::Descriptor blob;
  blob.mediaType = oci::media::kDockerLayerGzip;
  blob.digest = digest;
  blob.size = size;
  return blob;
}

void Push::pushLayer(size_t index) {
  LayerRow& row = rows_[index];
  if (!row.blob.digest.empty()) {
    if (exists(index, row.blob) || mounted(index, row.blob)) return;
    if (parts_.content.has(row.blob.digest)) {
      say(index, "Pushing", 0, row.blob.size);
      retried([&] { sendStored(index, row.blob); }, stop_.token());
      return say(index, "Pushed");
    }
  }
  say(index, "Pushing");
  row.blob = retried([&] { return compressAndSend(index, row); }, stop_.token());
  say(index, "Pushed");
}

void Push::work() {
  for (size_t index; (index = next_++) < rows_.size();) {
    try {
      stop_.token().throwIfStopped();
      pushLayer(index);
    } catch (...) {  // the first failure is the push's; it goes to the caller's thread
      const std::lock_guard lock(mutex_);
      if (!failure_) failure_ = std::current_exception();
      stop_.stop();
      return;
    }
  }
}

void Push::pushConfig() {
  if (!repository_.blobSize(image_.id, stop_.token())) sendConfig();
}

void Push::sendConfig() {
  size_t offset = 0;
  repository_.upload(
      [&](std::span<char> into) {
        const size_t count = std::min(into.size(), image_.rawConfig.size() - offset);
        std::copy_n(image_.rawConfig.data() + offset, count, into.data());
        offset += count;
        return count;
      },
      static_cast<std::int64_t>(image_.rawConfig.size()), [&] { return image_.id; }, stop_.token());
}

// The manifest that was pulled, when all its parts are what was pushed; a new one otherwise.
std::string Push::manifestText(std::string& mediaType) const {
  for (const NameRow& name : parts_.catalog.namesOf(image_.id)) {
    if (name.target.digest.empty() || !oci::media::isManifest(name.target.mediaType) ||
        !parts_.content.has(name.target.digest))
      continue;
    std::string body = parts_.content.read(name.target.digest);
    const auto manifest = json::parse<oci::Manifest>(body);
    const bool same = manifest.config.digest == image_.id &&
                      std::equal(manifest.layers.begin(), manifest.layers.end(), rows_.begin(),
                                 rows_.end(), [](const oci::Descriptor& d, const LayerRow& row) {
                                   return d.digest == row.blob.digest;
                                 });
    if (!same) continue;
    mediaType = name.target.mediaType;
    return body;
  }
  oci::Manifest manifest;
  manifest.mediaType = oci::media::kDockerManifest;
  manifest.config.mediaType = oci::media::kDockerConfig;
  manifest.config.digest = image_.id;
  manifest.config.size = static_cast<std::int64_t>(image_.rawConfig.size());
  for (const LayerRow& row : rows_) {
    manifest.layers.push_back(row.blob);
    if (row.blob.mediaType.starts_with("application/vnd.oci."))
      manifest.mediaType = oci::media::kManifest;
  }
  if (manifest.mediaType == oci::media::kManifest) {
    manifest.config.mediaType = oci::media::kConfig;
    for (auto& layer : manifest.layers) {
      if (layer.mediaType == oci::media::kDockerLayerGzip) layer.mediaType = oci::media::kLayerGzip;
    }
  }
  mediaType = manifest.mediaType;
  json::WriteOptions options;
  options.escapeHtml = true;
  return json::write(manifest, options);
}

void Push::remember(const base::Digest& digest, const std::string& body,
                    const std::string& mediaType) {
  const auto lease = parts_.content.lease("push " + reference_.str());
  const content::Finished stored = parts_.content.put(*lease, body);
  oci::Descriptor target;
  target.mediaType = mediaType;
  target.digest = digest;
  target.size = static_cast<std::int64_t>(body.size());
  parts_.snapshots.commit({}, [&](store::Transaction& t) {
    parts_.content.record(t, stored);
    parts_.content.addReference(t, "image:" + image_.id.str(), digest);
    for (const LayerRow& row : rows_) {
      parts_.catalog.putLayer(t, row);
      if (parts_.content.info(row.blob.digest))
        parts_.content.addOrigin(t, row.blob.digest, reference_.name());
    }
    const base::Time now = base::Time::now();
    const auto tagged = parts_.catalog.nameOf(reference_.familiar());
    parts_.catalog.putName(t, {reference_.str(), image_.id, target, tagged ? tagged->tagged : now});
    parts_.catalog.putName(
        t, {reference_.nameOnly().withDigest(digest).str(), image_.id, target, now});
    parts_.events.append(t, imageEvent("push", reference_.familiar(), reference_.familiarName()));
  });
}

void Push::run() {
  for (const auto& layer : image_.layers) {
    const auto row = parts_.catalog.layer(layer);
    if (!row)
      base::fail(Code::kDataLoss, "layer {} of {} is missing", layer.str(), image_.id.str());
    rows_.push_back(*row);
  }
  const auto atOnce = static_cast<size_t>(parts_.uploads.load());
  for (size_t index = rows_.size(); index > 0; --index)
    say(index - 1, index > atOnce ? "Waiting" : "Preparing");
  // The first request asks for the token that all the others use.
  retried([this] { pushConfig(); }, stop_.token());
  std::vector<std::jthread> threads;
  for (size_t i = 1; i < std::min(atOnce, rows_.size()); ++i)
    threads.emplace_back([this] { work(); });
  work();
  threads.clear();  // joins
  if (failure_) std::rethrow_exception(failure_);
  std::string mediaType;
  const std::string body = manifestText(mediaType);
  const base::Digest digest = retried(
      [&] { return repository_.putManifest(reference_.tag(), mediaType, body, stop_.token()); },
      stop_.token());
  remember(digest, body, mediaType);
  progress_(
      {"", fmt::format("{}: digest: {} size: {}", reference_.tag(), digest.str(), body.size())});
  Progress aux;
  aux.aux = fmt::format(R"({{"Tag":"{}","Digest":"{}","Size":{}}})", reference_.tag(), digest.str(),
                        body.size());
  progress_(aux);
}

}  // namespace

void push(Parts& parts, const std::string& repository, const std::string& tag,
          const std::optional<Platform>& platform, const registry::Credentials& credentials,
          const ProgressSink& progress, const base::StopToken& stop) {
  const oci::Reference name = oci::Reference::parse(repository).nameOnly();
  std::vector<std::pair<oci::Reference, Image>> wanted;
  bool known = false;  // some tag of the repository is here
  for (const NameRow& row : parts.catalog.names()) {
    const oci::Reference reference = oci::Reference::parse(row.name);
    if (reference.name() != name.name() || !reference.digest().empty()) continue;
    known = true;
    if (!tag.empty() && reference.tag() != tag) continue;
    auto image = parts.catalog.find(row.image);
    if (!image) continue;
    if (platform && !isOf(*image, *platform)) {
      base::fail(Code::kNotFound,
                 "image with reference {} was found but its platform ({}) does not match the "
                 "specified platform ({})",
                 reference.familiar(), platformOf(*image).str(), platformOf(*platform).str());
    }
    wanted.emplace_back(reference, std::move(*image));
  }
  progress({"", "The push refers to repository [" + name.name() + "]"});
  if (wanted.empty()) {
    if (!known)
      base::fail(Code::kNotFound, "An image does not exist locally with the tag: {}",
                 name.familiarName());
    base::fail(Code::kNotFound, "tag does not exist: {}", name.withTag(tag).familiar());
  }
  const std::shared_lock making(parts.making);
  const auto target =
      parts.registries.repository(name.domain(), name.path(), registry::Access::kPush, credentials);
  for (auto& [reference, image] : wanted)
    Push(parts, *target, reference, image, progress, stop).run();
}

}  // namespace image
