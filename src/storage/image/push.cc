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
  bool available(size_t index, const oci::Descriptor& blob);
  bool exists(size_t index, const oci::Descriptor& blob);
  bool mounted(size_t index, const oci::Descriptor& blob);
  void sendStored(size_t index, const oci::Descriptor& blob);
  oci::Descriptor compressAndSend(size_t index, const LayerRow& row);
  void pushConfig();
  void sendConfig();
  std::vector<std::string> repositoriesWith(const base::Digest& blob) const;
  bool keepsItsManifest() const;
  std::string manifestText(std::string& mediaType) const;
  void sayWhatBecameOfIt(const oci::Descriptor& pushed);
  void remember(const oci::Descriptor& target, const std::string& body);
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
  std::optional<KeptManifest> kept_;     // what the image came with
  std::vector<oci::Descriptor> pushed_;  // of every layer
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

// Other repositories of the same registry that hold the blob, or held it when it was pulled.
std::vector<std::string> Push::repositoriesWith(const base::Digest& blob) const {
  const std::string host = reference_.domain() + "/";
  std::vector<std::string> paths;
  const auto add = [&](const std::string& repository) {
    if (!repository.starts_with(host) || repository == reference_.name()) return;
    std::string path = repository.substr(host.size());
    if (std::find(paths.begin(), paths.end(), path) == paths.end())
      paths.push_back(std::move(path));
  };
  if (const auto info = parts_.content.info(blob)) {
    for (const std::string& origin : info->origins) add(origin);
  }
  // A layer that was here in another form when the image was pulled was never fetched in this one.
  for (const NameRow& name : parts_.catalog.namesOf(image_.id)) {
    const auto reference = oci::Reference::parse(name.name);
    if (!reference.digest().empty()) add(reference.name());
  }
  return paths;
}

// Such a repository gives the blob to another one without a byte sent.
bool Push::mounted(size_t index, const oci::Descriptor& blob) {
  for (const std::string& from : repositoriesWith(blob.digest)) {
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

// True: the registry has `blob` now.
bool Push::available(size_t index, const oci::Descriptor& blob) {
  if (exists(index, blob) || mounted(index, blob)) return true;
  if (!parts_.content.has(blob.digest)) return false;
  say(index, "Pushing", 0, blob.size);
  retried([&] { sendStored(index, blob); }, stop_.token());
  say(index, "Pushed");
  return true;
}

void Push::pushLayer(size_t index) {
  LayerRow& row = rows_[index];
  std::vector<oci::Descriptor> forms;
  if (kept_) forms.push_back(kept_->manifest.layers[index]);
  if (!row.blob.digest.empty() && (!kept_ || row.blob.digest != forms.front().digest))
    forms.push_back(row.blob);
  for (const oci::Descriptor& form : forms) {
    if (!available(index, form)) continue;
    pushed_[index] = form;
    if (row.blob.digest.empty()) row.blob = form;
    return;
  }
  say(index, "Pushing");
  row.blob = retried([&] { return compressAndSend(index, row); }, stop_.token());
  pushed_[index] = row.blob;
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

// True: every part of the manifest that the image came with is at the registry.
bool Push::keepsItsManifest() const {
  return kept_ && std::equal(pushed_.begin(), pushed_.end(), kept_->manifest.layers.begin(),
                             [](const auto& a, const auto& b) { return a.digest == b.digest; });
}

std::string Push::manifestText(std::string& mediaType) const {
  if (keepsItsManifest()) {
    mediaType = kept_->descriptor.mediaType;
    return kept_->body;
  }
  oci::Manifest manifest;
  manifest.mediaType = oci::media::kDockerManifest;
  manifest.config.mediaType = oci::media::kDockerConfig;
  manifest.config.digest = image_.id;
  manifest.config.size = static_cast<std::int64_t>(image_.rawConfig.size());
  for (const oci::Descriptor& layer : pushed_) {
    manifest.layers.push_back(layer);
    if (layer.mediaType.starts_with("application/vnd.oci."))
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

// Who pulled it by one digest and finds another one at the registry is told why.
void Push::sayWhatBecameOfIt(const oci::Descriptor& pushed) {
  if (!kept_) return;
  if (!keepsItsManifest()) {
    std::string missing;
    for (size_t i = 0; i < pushed_.size(); ++i) {
      const base::Digest& layer = kept_->manifest.layers[i].digest;
      if (pushed_[i].digest != layer) missing += (missing.empty() ? "" : ", ") + layer.str();
    }
    return progress_(
        {"", fmt::format("The image came with manifest {}, of which {} is neither kept here nor at "
                         "the registry: it was compressed again, and the digest is another one",
                         kept_->descriptor.digest.str(), missing)});
  }
  if (!kept_->index) return;
  json::Value note = json::Value::object();
  note.set("manifestPushedInsteadOfIndex", true);
  note.set("originalIndex", json::Value::parse(json::write(*kept_->index)));
  note.set("selectedManifest", json::Value::parse(json::write(pushed)));
  Progress line;
  line.aux = note.write();
  progress_(line);
}

void Push::remember(const oci::Descriptor& target, const std::string& body) {
  const auto lease = parts_.content.lease("push " + reference_.str());
  const content::Finished stored = parts_.content.put(*lease, body);
  parts_.snapshots.commit({}, [&](store::Transaction& t) {
    parts_.content.record(t, stored);
    parts_.content.addReference(t, "image:" + image_.id.str(), stored.digest);
    for (size_t i = 0; i < rows_.size(); ++i) {
      parts_.catalog.putLayer(t, rows_[i]);
      if (parts_.content.info(pushed_[i].digest))
        parts_.content.addOrigin(t, pushed_[i].digest, reference_.name());
    }
    const base::Time now = base::Time::now();
    const auto tagged = parts_.catalog.nameOf(reference_.familiar());
    parts_.catalog.putName(t, {reference_.str(), image_.id, target, tagged ? tagged->tagged : now});
    parts_.catalog.putName(
        t, {reference_.nameOnly().withDigest(target.digest).str(), image_.id, target, now});
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
  kept_ = keptManifest(parts_, image_, reference_);
  pushed_.resize(rows_.size());
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
  oci::Descriptor target;
  const std::string body = manifestText(target.mediaType);
  target.size = static_cast<std::int64_t>(body.size());
  target.digest = retried(
      [&] {
        return repository_.putManifest(reference_.tag(), target.mediaType, body, stop_.token());
      },
      stop_.token());
  remember(target, body);
  sayWhatBecameOfIt(target);
  const std::string digest = target.digest.str();
  progress_({"", fmt::format("{}: digest: {} size: {}", reference_.tag(), digest, body.size())});
  Progress aux;
  aux.aux = fmt::format(R"({{"Tag":"{}","Digest":"{}","Size":{}}})", reference_.tag(), digest,
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
