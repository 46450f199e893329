#include "engine/wiring/image_adapter.h"

#include <array>

#include "api/oci/reference.h"
#include "platform/base/error.h"
#include "platform/base/strings.h"
#include "platform/json/json.h"
#include "platform/json/value.h"

namespace wiring {
namespace {

using base::Code;

std::optional<image::Platform> platformOf(const std::optional<server::Platform>& platform) {
  if (!platform) return std::nullopt;
  return image::Platform{platform->os, platform->architecture, platform->variant};
}

image::ProgressSink translated(const server::ProgressSink& progress) {
  return [&progress](const image::Progress& line) {
    dockerapi::ProgressMessage message;
    message.id = line.id;
    message.status = line.status;
    message.stream = line.stream;
    if (line.detail) message.progressDetail.emplace();
    if (line.total > 0 || line.current > 0) {
      dockerapi::ProgressDetail detail;
      detail.current = line.current;
      detail.total = line.total;
      message.progressDetail = detail;
    }
    message.aux.text = line.aux;
    progress(message);
  };
}

std::map<std::string, std::string> labelsOf(const image::Image& image) {
  return {image.config.config.labels.begin(), image.config.config.labels.end()};
}

bool dangling(const image::Image& image) {
  return image.repoTags.empty() && image.repoDigests.empty();
}

bool referenceMatches(const image::Image& image, const dockerapi::Filters& filters) {
  if (!filters.has("reference")) return true;
  for (const auto* names : {&image.repoTags, &image.repoDigests}) {
    for (const std::string& name : *names) {
      const auto reference = oci::Reference::parse(name);
      for (const std::string& pattern : filters.get("reference")) {
        if (reference.matches(pattern)) return true;
      }
    }
  }
  return false;
}

void keepMatchingNames(image::Image& image, const dockerapi::Filters& filters) {
  if (!filters.has("reference")) return;
  const auto misses = [&](const std::string& name) {
    const auto reference = oci::Reference::parse(name);
    for (const std::string& pattern : filters.get("reference")) {
      if (reference.matches(pattern)) return false;
    }
    return true;
  };
  std::erase_if(image.repoTags, misses);
  std::erase_if(image.repoDigests, misses);
}

std::string createdText(const image::Image& image) {
  return base::formatRfc3339Nano(image.created);
}

dockerapi::ImageConfig configOf(const oci::ImageConfig& c) {
  dockerapi::ImageConfig config;
  config.user = c.user;
  config.exposedPorts = c.exposedPorts;
  config.env = c.env;
  static_cast<json::List<std::string>&>(config.cmd) = c.cmd;
  static_cast<json::List<std::string>&>(config.entrypoint) = c.entrypoint;
  static_cast<json::List<std::string>&>(config.shell) = c.shell;
  config.volumes = c.volumes;
  config.workingDir = c.workingDir;
  config.onBuild = c.onBuild;
  config.labels = c.labels;
  config.stopSignal = c.stopSignal;
  config.argsEscaped = c.argsEscaped;
  if (c.healthcheck) {
    dockerapi::HealthConfig health;
    health.test = c.healthcheck->test;
    health.interval = c.healthcheck->interval;
    health.timeout = c.healthcheck->timeout;
    health.startPeriod = c.healthcheck->startPeriod;
    health.startInterval = c.healthcheck->startInterval;
    health.retries = c.healthcheck->retries;
    config.healthcheck = health;
  }
  return config;
}

dockerapi::ImageSummary summaryOf(const image::Image& image) {
  dockerapi::ImageSummary line;
  line.id = image.id.str();
  line.created = image.created.zero() ? -62135596800 : image.created.unixSeconds();
  line.labels = image.config.config.labels;
  line.repoTags = image.repoTags;
  line.repoDigests = image.repoDigests;
  line.size = image.size;
  line.containers = -1;
  return line;
}

}  // namespace

registry::Credentials credentialsOf(const dockerapi::AuthConfig& auth) {
  registry::Credentials credentials;
  credentials.username = auth.username;
  credentials.password = auth.password;
  credentials.identityToken = auth.identityToken;
  credentials.registryToken = auth.registryToken;
  if (credentials.username.empty() && !auth.auth.empty()) {
    const auto decoded = base::base64Decode(auth.auth);
    const auto [user, password] = base::cut(decoded.value_or(""), ':');
    credentials.username = user;
    credentials.password = password.value_or("");
  }
  return credentials;
}

std::vector<dockerapi::ImageSummary> ImageAdapter::listImages(
    const server::ImageListRequest& request) {
  constexpr std::array<std::string_view, 6> kAccepted{"before",    "dangling", "label",
                                                      "reference", "since",    "until"};
  request.filters.validate(kAccepted);
  const auto until = request.filters.until(base::Time::now());
  const auto edge = [&](const char* key) -> std::optional<base::Time> {
    const auto reference = request.filters.single(key);
    if (!reference) return std::nullopt;
    return core_.images.resolve(*reference).created;
  };
  const auto before = edge("before");
  const auto since = edge("since");
  const bool wantsDangling = request.filters.boolean("dangling", false);
  std::map<std::string, int> layerUses;
  const auto all = core_.images.list();
  for (const auto& image : all) {
    for (const auto& layer : image.layers) ++layerUses[layer.str()];
  }
  std::vector<dockerapi::ImageSummary> lines;
  for (image::Image image : all) {
    if (request.filters.has("dangling") && wantsDangling != image.repoTags.empty()) continue;
    if (!request.filters.matchLabels("label", labelsOf(image)) ||
        !referenceMatches(image, request.filters))
      continue;
    if ((before && image.created >= *before) || (since && image.created <= *since) ||
        (until && image.created > *until))
      continue;
    keepMatchingNames(image, request.filters);
    dockerapi::ImageSummary line = summaryOf(image);
    if (request.countContainers) {
      line.containers = 0;
      for (const auto& view : core_.records.all()) line.containers += view->imageId == line.id;
    }
    if (request.sharedSize) {
      line.sharedSize = 0;
      for (const auto& layer : image.layers) {
        const auto info = layerUses[layer.str()] > 1 ? core_.snapshots.layer(layer) : std::nullopt;
        if (info) line.sharedSize += static_cast<std::int64_t>(info->bytes);
      }
    }
    if (request.manifests) line.manifests = manifestsOf(image);
    lines.push_back(std::move(line));
  }
  return lines;
}

json::Raw ImageAdapter::manifestsOf(const image::Image& image) const {
  json::Value list = json::Value::array({});
  for (const auto& info : core_.images.manifests(image)) {
    json::Value size = json::Value::object();
    size.set("Total", info.contentBytes + info.unpackedBytes);
    size.set("Content", info.contentBytes);
    json::Value shown = json::Value::object();
    shown.set("ID", info.descriptor.digest.str());
    shown.set("Descriptor", json::Value::parse(json::write(info.descriptor)));
    shown.set("Available", info.available);
    shown.set("Size", std::move(size));
    if (!info.attestsFor.empty()) {
      json::Value attestation = json::Value::object();
      attestation.set("For", info.attestsFor.str());
      shown.set("Kind", "attestation");
      shown.set("AttestationData", std::move(attestation));
    } else {
      json::Value unpacked = json::Value::object();
      unpacked.set("Unpacked", info.unpackedBytes);
      json::Value users = json::Value::array({});
      for (const auto& view : core_.records.all()) {
        if (info.available && view->imageId == info.id.str())
          users.asArray().push_back(json::Value(view->id));
      }
      json::Value data = json::Value::object();
      data.set("Platform", json::Value::parse(json::write(info.platform)));
      data.set("Containers", std::move(users));
      data.set("Size", std::move(unpacked));
      shown.set("Kind", "image");
      shown.set("ImageData", std::move(data));
    }
    list.asArray().push_back(std::move(shown));
  }
  return json::Raw{list.write()};
}

dockerapi::ImageInspect ImageAdapter::inspectImage(const std::string& name,
                                                   const std::optional<server::Platform>& platform,
                                                   bool manifests) {
  const image::Image image = core_.images.resolve(name, platformOf(platform));
  dockerapi::ImageInspect shown;
  shown.id = image.id.str();
  shown.repoTags = image.repoTags;
  shown.repoDigests = image.repoDigests;
  shown.comment = image.config.comment;
  if (shown.comment.empty() && !image.config.history.empty())
    shown.comment = image.config.history.back().comment;
  shown.created = createdText(image);
  shown.dockerVersion = image.config.dockerVersion;
  shown.author = image.config.author;
  shown.architecture = image.config.architecture;
  shown.variant = image.config.variant;
  shown.os = image.config.os;
  shown.osVersion = image.config.osVersion;
  shown.size = image.size;
  shown.graphDriver.name = core_.snapshots.driver();
  shown.rootFs.type = "layers";
  for (const auto& diffId : image.diffIds) shown.rootFs.layers.push_back(diffId.str());
  shown.metadata.lastTagTime = image.lastTagged;
  shown.config = configOf(image.config.config);
  if (manifests) shown.manifests = manifestsOf(image);
  return shown;
}

std::vector<dockerapi::ImageHistoryItem> ImageAdapter::imageHistory(
    const std::string& name, const std::optional<server::Platform>& platform) {
  std::vector<dockerapi::ImageHistoryItem> items;
  for (const auto& step : core_.images.history(name, platformOf(platform))) {
    dockerapi::ImageHistoryItem item;
    item.id = step.id;
    item.created = step.created.unixSeconds();
    item.createdBy = step.createdBy;
    item.comment = step.comment;
    item.size = step.size;
    item.tags = step.tags;
    items.push_back(std::move(item));
  }
  return items;
}

void ImageAdapter::tagImage(const std::string& name, const std::string& repository,
                            const std::string& tag) {
  const oci::Reference reference = oci::Reference::parse(repository);
  core_.images.tag(name,
                   tag.empty() ? reference.withDefaultTag().str() : reference.withTag(tag).str());
}

namespace {

std::vector<dockerapi::ImageDeleted> deletedOf(const image::Removed& removed) {
  std::vector<dockerapi::ImageDeleted> list;
  for (const auto& [deleted, text] : removed.lines)
    list.push_back(deleted ? dockerapi::ImageDeleted{text, ""} : dockerapi::ImageDeleted{"", text});
  return list;
}

}  // namespace

std::vector<dockerapi::ImageDeleted> ImageAdapter::removeImage(
    const std::string& name, bool force, bool noPrune,
    const std::vector<server::Platform>& platforms) {
  std::vector<image::Platform> wanted;
  for (const auto& platform : platforms) wanted.push_back(*platformOf(platform));
  return deletedOf(core_.images.remove(name, force, noPrune, wanted));
}

dockerapi::ImagesPruneReport ImageAdapter::pruneImages(const dockerapi::Filters& filters) {
  constexpr std::array<std::string_view, 4> kAccepted{"dangling", "label", "label!", "until"};
  filters.validate(kAccepted);
  const bool onlyDangling = filters.boolean("dangling", true);
  const auto until = filters.until(base::Time::now());
  const image::Removed removed = core_.images.prune(!onlyDangling, [&](const image::Image& image) {
    if (until && image.created > *until) return false;
    return filters.matchLabels("label", labelsOf(image)) &&
           filters.matchNoLabels("label!", labelsOf(image)) &&
           (!onlyDangling || dangling(image) || image.repoTags.empty());
  });
  dockerapi::ImagesPruneReport report;
  report.imagesDeleted = deletedOf(removed);
  report.spaceReclaimed = static_cast<std::uint64_t>(removed.reclaimed);
  events::Event event{.type = "image", .action = "prune"};
  event.attributes["reclaimed"] = std::to_string(report.spaceReclaimed);
  core_.events.publish(std::move(event));
  return report;
}

std::vector<dockerapi::SearchResult> ImageAdapter::searchImages(const std::string&, int,
                                                                const dockerapi::Filters&,
                                                                const dockerapi::AuthConfig&) {
  base::fail(Code::kNotImplemented, "image search is not implemented");
}

dockerapi::DistributionInspect ImageAdapter::inspectDistribution(
    const std::string& name, const dockerapi::AuthConfig& auth) {
  const auto remote = core_.images.inspectRemote(name, credentialsOf(auth), {});
  dockerapi::DistributionInspect shown;
  shown.descriptor.text = json::write(remote.descriptor);
  shown.platforms.text = json::write(remote.platforms);
  return shown;
}

void ImageAdapter::pullImage(const server::ImagePullRequest& request,
                             const server::ProgressSink& progress, const base::StopToken& stop) {
  if (request.allTags) {
    return core_.images.pullAllTags(request.reference, platformOf(request.platform),
                                    credentialsOf(request.auth), translated(progress), stop);
  }
  core_.images.pull(request.reference, platformOf(request.platform), credentialsOf(request.auth),
                    translated(progress), stop);
}

void ImageAdapter::pushImage(const server::ImagePushRequest& request,
                             const server::ProgressSink& progress, const base::StopToken& stop) {
  core_.images.push(request.name, request.tag, platformOf(request.platform),
                    credentialsOf(request.auth), translated(progress), stop);
}

void ImageAdapter::importImage(const server::ImageImportRequest& request,
                               const server::ByteSource& tar, const server::ProgressSink& progress,
                               const base::StopToken& stop) {
  if (request.source != "-")
    base::fail(Code::kNotImplemented, "import from a URL is not implemented: pipe the archive in");
  std::string name = request.repository;
  if (!name.empty() && !request.tag.empty()) name += ":" + request.tag;
  image::Platform platform;
  if (request.platform) platform = *platformOf(request.platform);
  core_.images.import(tar, name, request.message, request.changes, platform, translated(progress),
                      stop);
}

void ImageAdapter::loadImages(const server::ByteSource& tar, bool quiet,
                              const std::optional<server::Platform>& platform,
                              const server::ProgressSink& progress, const base::StopToken& stop) {
  core_.images.load(tar, quiet, platformOf(platform), translated(progress), stop);
}

void ImageAdapter::saveImages(const std::vector<std::string>& names,
                              const std::optional<server::Platform>& platform,
                              const server::ByteSink& tar, const base::StopToken& stop) {
  core_.images.save(names, platformOf(platform), tar, stop);
}

dockerapi::BuildPruneReport ImageAdapter::pruneBuildCache(bool, const dockerapi::Filters&) {
  return {};
}

}  // namespace wiring
