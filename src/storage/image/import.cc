#include "storage/image/import.h"

#include "platform/archive/compression.h"
#include "platform/base/error.h"
#include "platform/json/json.h"
#include "storage/image/changes.h"

namespace image {

void describeLocal(Parts& parts, content::Lease& lease, NewImage& image, const oci::Image& config) {
  json::WriteOptions options;
  options.escapeHtml = true;
  image.rawConfig = json::write(config, options);
  const content::Finished stored = parts.content.put(lease, image.rawConfig);
  image.blobs.push_back(stored);
  image.id = stored.digest;
}

base::Digest import(Parts& parts, const Images::Source& tar, const std::string& name,
                    const std::string& message, const std::vector<std::string>& changes,
                    const Platform& platform, const ProgressSink& progress,
                    const base::StopToken& stop) {
  // Everything that can be refused is refused before the first byte is read.
  std::optional<oci::Reference> reference;
  if (!name.empty()) {
    reference = oci::Reference::parse(name).withDefaultTag();
    if (!reference->digest().empty())
      base::fail(base::Code::kInvalidArgument, "cannot import digest reference");
  }
  const oci::Platform host = oci::Platform::host();
  oci::Image config;
  config.os = platform.os.empty() ? host.os : platform.os;
  config.architecture = platform.architecture.empty() ? host.architecture : platform.architecture;
  config.variant = platform.architecture.empty() ? host.variant : platform.variant;
  for (const std::string& change : changes) applyChange(config.config, change);

  const std::shared_lock making(parts.making);
  const auto lease = parts.content.lease("import");
  std::int64_t read = 0;
  std::int64_t reported = 0;
  archive::FunctionSource counted([&](std::span<char> into) {
    const size_t count = tar(into);
    read += static_cast<std::int64_t>(count);
    if (read - reported > (16 << 20) || (count == 0 && reported < read)) {
      reported = read;
      Progress line{"", "Importing"};
      line.current = read;
      line.detail = true;
      progress(line);
    }
    return count;
  });
  const archive::Detected plain = archive::inflateDetected(counted);
  Layer layer;
  if (plain.compression == archive::Compression::kNone) {
    layer = parts.layers.independent()
                ? parts.layers.unpack(*lease, *plain.plain, {}, stop)
                : parts.layers.unpackOn(*lease, *plain.plain, {}, {}, {}, stop);
  } else {
    archive::PipelinedSource ahead(*plain.plain);
    layer = parts.layers.independent() ? parts.layers.unpack(*lease, ahead, {}, stop)
                                       : parts.layers.unpackOn(*lease, ahead, {}, {}, {}, stop);
  }
  const base::Digest diffId = layer.row.diffId;
  // The same root again: the layer that is there serves, the new copy goes.
  if (auto existing = parts.layers.existing({diffId}, 0)) layer = std::move(*existing);

  config.created = base::Time::now();
  config.rootfs.diffIds = {diffId};
  oci::History history;
  history.created = config.created;
  history.comment = message.empty() ? "Imported from -" : message;
  config.history = {history};
  NewImage image;
  describeLocal(parts, *lease, image, config);
  image.layers.push_back(std::move(layer));
  if (reference) image.names.emplace_back(reference->str(), oci::Descriptor());
  const base::Digest id = image.id;
  commitImage(parts, std::move(image),
              imageEvent("import", id.str(), reference ? reference->familiar() : id.str()));
  progress({"", id.str()});
  return id;
}

}  // namespace image
