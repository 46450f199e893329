// Images: names, manifests, configs and their unpacked layers; pulled, pushed, imported, loaded and
// saved.
//
// name -> target descriptor -> manifests by platform -> config. An image is known by its config
// digest. It is either whole (every blob verified, every layer unpacked and synced) or absent; what
// was half made is garbage by its lease. Thread-safe. Long operations report progress and end at
// their StopToken.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "api/oci/image_spec.h"
#include "platform/base/digest.h"
#include "platform/base/stop_token.h"
#include "platform/base/time.h"
#include "platform/sys/fd.h"
#include "state/events/events.h"
#include "state/store/store.h"
#include "storage/content/content.h"
#include "storage/registry/registry.h"
#include "storage/snapshot/snapshotter.h"

namespace image {

// What create and inspect need.
struct Image {
  base::Digest id;                       // of the config
  std::vector<std::string> repoTags;     // familiar: "busybox:latest"
  std::vector<std::string> repoDigests;  // "busybox@sha256:…"
  oci::Image config;                     // parsed
  std::string rawConfig;                 // as stored
  snapshot::Stack layers;                // what Snapshotter::open takes, lowest first
  std::vector<base::Digest> diffIds;
  oci::Descriptor target;  // what the name points at (manifest or index)
  std::int64_t size = 0;   // bytes unpacked
  base::Time created, lastTagged;
};

// One line of a progress stream (wire form: dockerapi::JsonMessage; engine/server translates).
struct Progress {
  std::string id;      // layer's short id, tag, or empty
  std::string status;  // Docker's words: "Pulling fs layer", "Downloading", "Pull complete"…
  std::int64_t current = 0, total = 0;  // bytes; total 0: no detail
  bool detail = false;                  // an (empty) progressDetail belongs to this line
  std::string stream;                   // load: "Loaded image: x\n"
  std::string aux;                      // JSON text, push
};
using ProgressSink = std::function<void(const Progress&)>;

struct Platform {
  std::string os, architecture, variant;  // empty: the host's
};

struct Removed {
  std::vector<std::pair<bool, std::string>>
      lines;  // {deleted?, "repo:tag" or id}: Untagged / Deleted, in Docker's order
  std::int64_t reclaimed = 0;
};

// A container that an image is used by, told by the engine.
struct User {
  std::string containerId;
  bool running = false;
};

struct Transfers {
  int downloads = 3, uploads = 5;  // layers of one image at once
  int attempts = 5;                // for a blob whose connection breaks
};

struct Options {
  registry::Config registries;  // mirrors, insecure registries, proxies
  Transfers transfers;
  std::function<std::vector<User>(const base::Digest& image)> usedBy;
};

class Images {
 public:
  Images(Options options, store::Store& store, events::Bus& events, content::Store& content,
         snapshot::Snapshotter& snapshots);
  ~Images();

  // Name first, then id prefix with optional "sha256:". kNotFound "No such image: x:tag"; another
  // platform than asked: kNotFound in Docker's words.
  Image resolve(const std::string& reference, const std::optional<Platform>& platform = {}) const;
  std::vector<Image> list() const;  // cheap: from memory

  struct History {
    std::string id, createdBy, comment;
    std::vector<std::string> tags;
    base::Time created;
    std::int64_t size = 0;
  };
  std::vector<History> history(const std::string& reference,
                               const std::optional<Platform>& platform = {}) const;

  // One manifest of what an image's name points at.
  struct ManifestInfo {
    oci::Descriptor descriptor;
    bool available = false;         // an image here is made of it
    std::int64_t contentBytes = 0;  // of the blobs that are here
    std::int64_t unpackedBytes = 0;
    oci::Platform platform;
    base::Digest id;          // of that image
    base::Digest attestsFor;  // an attestation of another manifest, not an image
  };
  // Empty for an image that no registry or archive gave a manifest.
  std::vector<ManifestInfo> manifests(const Image& image) const;

  void tag(const std::string& reference, const std::string& newName);
  // `platforms`: only if it is one of these; kNotFound in Docker's words.
  Removed remove(const std::string& reference, bool force, bool noPrune,
                 const std::vector<Platform>& platforms = {});
  // `matches` decides by image (filters are the engine's); dangling images only unless `all`.
  Removed prune(bool all, const std::function<bool(const Image&)>& matches);

  // Errors before the first progress line are thrown with the HTTP meaning of Docker's (404 pull
  // access denied…).
  void pull(const std::string& reference, const std::optional<Platform>& platform,
            const registry::Credentials& credentials, const ProgressSink& progress,
            const base::StopToken& stop);
  void pullAllTags(const std::string& repository, const std::optional<Platform>& platform,
                   const registry::Credentials& credentials, const ProgressSink& progress,
                   const base::StopToken& stop);
  // `platform`: the images have to be of it.
  void push(const std::string& repository, const std::string& tag,
            const std::optional<Platform>& platform, const registry::Credentials& credentials,
            const ProgressSink& progress, const base::StopToken& stop);

  // What a name stands for at its registry, and the platforms it serves; nothing is kept here.
  // Errors as pull's.
  struct Remote {
    oci::Descriptor descriptor;
    std::vector<oci::Platform> platforms;
  };
  Remote inspectRemote(const std::string& reference, const registry::Credentials& credentials,
                       const base::StopToken& stop);

  using Source = std::function<size_t(std::span<char>)>;  // 0: end
  using Sink = std::function<void(std::string_view)>;
  // A root file system as tar (plain, gzip, zstd, xz). `changes` are Dockerfile instructions (CMD,
  // ENV, …). Returns the id.
  base::Digest import(const Source& tar, const std::string& name, const std::string& message,
                      const std::vector<std::string>& changes, const Platform& platform,
                      const ProgressSink& progress, const base::StopToken& stop);
  // `platform`: other images of the archive are passed over; kNotFound when that is all of them.
  void load(const Source& tar, bool quiet, const std::optional<Platform>& platform,
            const ProgressSink& progress, const base::StopToken& stop);
  void save(const std::vector<std::string>& references, const std::optional<Platform>& platform,
            const Sink& tar, const base::StopToken& stop);

  // POST /auth: tries the credentials at the registry. Returns the identity token, or "".
  // kUnauthorized.
  std::string login(const registry::Credentials& credentials, const std::string& server,
                    const base::StopToken& stop);

  // From the next pull or push on.
  void reconfigure(std::vector<std::string> mirrors, std::vector<std::string> insecure,
                   const Transfers& transfers);

  // Unreferenced blobs, layers and partial downloads go; called in idle moments.
  std::int64_t collectGarbage();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace image
