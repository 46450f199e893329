#include "storage/image/layer_pull.h"

#include <thread>

#include "platform/archive/compression.h"
#include "platform/base/error.h"
#include "platform/base/ids.h"
#include "platform/base/log.h"

namespace image {
namespace {

using base::Code;

// Keeps what it reads together with the stream it reads from.
class OwningPlain : public archive::Source {
 public:
  explicit OwningPlain(std::unique_ptr<archive::Source> blob)
      : blob_(std::move(blob)), plain_(archive::inflateDetected(*blob_).plain) {}
  size_t read(std::span<char> into) override { return plain_->read(into); }
  std::span<const char> block() override { return plain_->block(); }

 private:
  std::unique_ptr<archive::Source> blob_;
  std::unique_ptr<archive::Source> plain_;
};

}  // namespace

LayerPull::LayerPull(Parts& parts, registry::Repository& repository, content::Lease& lease,
                     const oci::Manifest& manifest, const std::vector<base::Digest>& diffIds,
                     const ProgressSink& progress, const base::StopToken& stop)
    : parts_(parts),
      repository_(repository),
      lease_(lease),
      manifest_(manifest),
      diff_ids_(diffIds),
      progress_(progress),
      outer_(stop.onStop([source = stop_] { source.stop(); })),
      layers_(diffIds.size()) {}

void LayerPull::say(size_t index, const std::string& status, std::int64_t current, bool detail) {
  Progress line;
  line.id = base::shortId(manifest_.layers[index].digest.str());
  line.status = status;
  line.current = current;
  line.total = current > 0 ? manifest_.layers[index].size : 0;
  line.detail = detail;
  const std::lock_guard lock(mutex_);
  progress_(line);
}

std::vector<Layer> LayerPull::run() {
  for (size_t index = 0; index < layers_.size(); ++index) {
    if (oci::media::isForeignLayer(manifest_.layers[index].mediaType)) {
      base::fail(Code::kNotImplemented,
                 "layer {} is a foreign one, to be fetched from elsewhere: not implemented",
                 manifest_.layers[index].digest.str());
    }
    if (auto layer = parts_.layers.existing(diff_ids_, index)) {
      layers_[index] = std::move(*layer);
      keepBlob(index);
      say(index, "Already exists");
    } else if (const auto first = comesWith(index)) {
      twins_.emplace_back(index, *first);
    } else {
      missing_.push_back(index);
      say(index, "Pulling fs layer");
    }
  }
  const auto atOnce = static_cast<size_t>(parts_.downloads.load());
  for (size_t i = atOnce; i < missing_.size(); ++i) say(missing_[i], "Waiting");
  std::vector<std::jthread> threads;
  for (size_t i = 1; i < std::min(atOnce, missing_.size()); ++i)
    threads.emplace_back([this] { work(); });
  if (!missing_.empty()) work();
  threads.clear();  // joins
  if (failure_) std::rethrow_exception(failure_);
  if (!parts_.layers.independent()) unpackSequentially();
  for (const auto& [index, first] : twins_) {
    if (parts_.layers.independent()) layers_[index] = Layers::again(layers_, first);
  }
  parts_.layers.settle(
      lease_, layers_, diff_ids_, [this](size_t index) { return openPlain(index); }, stop_.token());
  return std::move(layers_);
}

// An image may name a layer more than once; it is fetched once, and where layers stand for
// themselves also unpacked once.
std::optional<size_t> LayerPull::comesWith(size_t index) const {
  for (const size_t earlier : missing_) {
    const bool same = parts_.layers.independent()
                          ? diff_ids_[earlier] == diff_ids_[index]
                          : manifest_.layers[earlier].digest == manifest_.layers[index].digest;
    if (same) return earlier;
  }
  return std::nullopt;
}

// The compressed form of a layer that another image brought: this one refers to it, too, so that
// its manifest can be pushed when the other image is gone.
void LayerPull::keepBlob(size_t index) {
  const base::Digest& digest = manifest_.layers[index].digest;
  lease_.hold(digest);  // before looking: the collector may be under way
  if (parts_.content.has(digest)) blobs_.push_back({digest, parts_.content.open(digest)->size()});
}

void LayerPull::work() {
  for (size_t at; (at = next_++) < missing_.size();) {
    try {
      stop_.token().throwIfStopped();
      pullLayer(missing_[at]);
    } catch (...) {  // the first failure is the pull's; it goes to the caller's thread
      const std::lock_guard lock(mutex_);
      if (!failure_) failure_ = std::current_exception();
      stop_.stop();
      return;
    }
  }
}

void LayerPull::pullLayer(size_t index) {
  const oci::Descriptor& blob = manifest_.layers[index];
  auto ingest = parts_.content.ingest(lease_, blob.digest, static_cast<std::uint64_t>(blob.size));
  {
    const std::lock_guard lock(mutex_);
    blobs_.push_back({blob.digest, static_cast<std::uint64_t>(blob.size)});
  }
  if (ingest && ingest->offset() == 0 && parts_.layers.independent()) {
    layers_[index] = stream(index, *ingest);
  } else {
    if (ingest) resume(index, *ingest);
    say(index, "Download complete");
    if (!parts_.layers.independent()) return;
    say(index, "Extracting", blob.size);
    layers_[index] = unpackStored(index, nullptr);
  }
  layers_[index].row.blob = blob;
  say(index, "Pull complete");
}

BlobProgress LayerPull::progressOf(size_t index) {
  BlobProgress progress;
  progress.downloaded = [this, index](std::int64_t current) { say(index, "Downloading", current); };
  progress.retrying = [this, index](int seconds) {
    say(index, fmt::format("Retrying in {} second{}", seconds, seconds == 1 ? "" : "s"));
  };
  return progress;
}

// The rest of what an earlier pull began.
void LayerPull::resume(size_t index, content::Ingest& ingest) {
  const oci::Descriptor& blob = manifest_.layers[index];
  const bool begun = ingest.offset() > 0;
  for (bool again = begun;; again = false) {
    BlobStream rest(repository_, blob.digest, blob.size, parts_.attempts, ingest, progressOf(index),
                    stop_.token());
    archive::drain(rest);
    say(index, "Verifying Checksum");
    try {
      ingest.finish();
      return;
    } catch (const base::Error& error) {
      // What was here may have been damaged, which the registry is not to blame for.
      if (!again || error.code() != Code::kDataLoss) throw;
      base::log::warn("a partial download was damaged: it begins anew",
                      {{"digest", blob.digest.str()}, {"error", error.message()}});
      ingest.restart();
    }
  }
}

// Download, verification, inflation and unpacking as one pipeline; the bytes go to the content
// store on their way.
Layer LayerPull::stream(size_t index, content::Ingest& ingest) {
  const oci::Descriptor& blob = manifest_.layers[index];
  BlobStream compressed(repository_, blob.digest, blob.size, parts_.attempts, ingest,
                        progressOf(index), stop_.token());
  Layer layer;
  std::exception_ptr failure;
  bool damaged = false;
  {
    const archive::Detected plain = archive::inflateDetected(compressed);
    archive::PipelinedSource ahead(*plain.plain);
    try {
      layer = parts_.layers.unpack(lease_, ahead, diff_ids_[index], stop_.token());
    } catch (const base::Error& error) {
      failure = std::current_exception();
      damaged = error.code() == Code::kInvalidArgument || error.code() == Code::kDataLoss;
    }
  }
  // Not before here: the thread that reads ahead has ended.
  if (compressed.failure()) std::rethrow_exception(compressed.failure());
  // Damage that unpacking met is first of all a wrong digest, if it is one.
  if (failure && !damaged) std::rethrow_exception(failure);
  archive::drain(compressed);
  say(index, "Verifying Checksum");
  ingest.finish();
  if (failure) std::rethrow_exception(failure);
  say(index, "Download complete");
  say(index, "Extracting", blob.size);
  return layer;
}

std::unique_ptr<archive::Source> LayerPull::openPlain(size_t index) const {
  return std::make_unique<OwningPlain>(parts_.content.open(manifest_.layers[index].digest));
}

Layer LayerPull::unpackStored(size_t index, const snapshot::Stack* below) {
  const auto plain = openPlain(index);
  archive::PipelinedSource ahead(*plain);
  if (!below) return parts_.layers.unpack(lease_, ahead, diff_ids_[index], stop_.token());
  return parts_.layers.unpackOn(lease_, ahead, diff_ids_[index], chainIdOf(diff_ids_, index + 1),
                                *below, stop_.token());
}

// Snapshotters that copy: each layer holds those below it, so one after the other, each committed
// before the next.
void LayerPull::unpackSequentially() {
  snapshot::Stack below;
  for (size_t index = 0; index < layers_.size(); ++index) {
    if (layers_[index].row.id.empty()) {
      say(index, "Extracting", manifest_.layers[index].size);
      layers_[index] = unpackStored(index, &below);
      layers_[index].row.blob = manifest_.layers[index];
      std::vector<snapshot::Committed> ready;
      if (index + 1 < layers_.size()) {
        ready.push_back({std::move(layers_[index].staging), layers_[index].row.bytes});
        parts_.snapshots.commit(std::move(ready), [](store::Transaction&) {});
      }
      say(index, "Pull complete");
    }
    below.push_back(layers_[index].row.id);
  }
}

}  // namespace image
