// Blobs by digest: manifests, configs, compressed layers, recipes.
//
//   auto lease = content.lease("pull");                    // nothing ingested under it is
//   collected auto in = content.ingest(lease, digest, size);         // in->offset() bytes are here
//   already: ask for the rest in->write(…);  Finished f = in->finish();              // verified;
//   still without a row store.write(kDurable, [&](auto& t) { content.record(t, f);
//   content.addReference(t, "image:…", digest); });
//
// A blob is whole and verified, or not there. Its row is written in the transaction of whoever
// asked for it, after the data is on disk (sync(), or the snapshotter's sync on the same file
// system); a file without a row is garbage, a row without a reference or lease is too. Readers get
// a Reader, never a path: a blob may be dropped and live on at its origin. Thread-safe.
//
// On disk: <dataRoot>/content/blobs/<algorithm>/<hex>, content/partial/<algorithm>-<hex> (kept for
// resuming, a week; so are big blobs whose pull the daemon did not outlive). Rows: content_blob,
// content_lease, content_reference.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "platform/archive/stream.h"
#include "platform/base/digest.h"
#include "platform/base/stop_token.h"
#include "platform/sys/fd.h"
#include "state/store/store.h"

namespace content {

struct BlobInfo {
  base::Digest digest;
  std::uint64_t size = 0;
  bool present = false;  // the bytes are here; false: only known at its origins
  std::vector<std::string>
      origins;  // "registry.example/repository": it was pulled from there, or pushed to
};

class Reader : public archive::Source {
 public:
  virtual std::uint64_t size() const = 0;
  // From any place; does not move read(). 0 at the end.
  virtual size_t readAt(std::uint64_t offset, std::span<char> into) const = 0;
};

// Verified and in its place; not yet recorded.
struct Finished {
  base::Digest digest;
  std::uint64_t size = 0;
};

// Holds blobs against the collector while it lives. A lease does not outlive the daemon: what it
// held without a reference is garbage after a restart. Leases and ingests end before the Store.
class Lease {
 public:
  virtual ~Lease() = default;
  virtual void hold(const base::Digest& digest) = 0;
};

// One blob on its way in. One thread. Dropped without finish(): what was written stays for the next
// ingest to resume.
class Ingest : public archive::Sink {
 public:
  virtual std::uint64_t offset() const = 0;  // bytes that are here
  // Starts over: the other side cannot resume.
  virtual void restart() = 0;
  // Verifies and puts the blob in its place. kDataLoss: fewer bytes than announced (what is here
  // stays, to be resumed), or more, or a wrong digest (the partial is then gone, so that the next
  // try begins anew). A blob that is there already is fine.
  virtual Finished finish() = 0;
  // Throws the partial away.
  virtual void discard() = 0;
};

class Store {
 public:
  // Opens (and makes) <dataRoot>/content; removes what the last run left half-made.
  Store(const std::string& dataRoot, store::Store& store);
  ~Store();

  std::unique_ptr<Lease> lease(const std::string& owner);

  // nullptr when the blob is present (it is then held by the lease, too). `size`: nullopt when not
  // known; more bytes than it are kDataLoss at once. Waits while another caller ingests the same
  // digest (kCancelled), then takes what it left.
  std::unique_ptr<Ingest> ingest(Lease& lease, const base::Digest& digest,
                                 std::optional<std::uint64_t> size = {},
                                 const base::StopToken& stop = {});
  // A blob whose digest only its bytes will tell (import, commit, push); never resumed.
  std::unique_ptr<Ingest> ingestUnknown(Lease& lease);
  // A small blob that is at hand.
  Finished put(Lease& lease, std::string_view bytes);

  // Inside the transaction that makes the blob needed. Idempotent.
  void record(store::Transaction& transaction, const Finished& blob);
  // Blobs live as long as any owner refers to them.
  void addReference(store::Transaction& transaction, const std::string& owner,
                    const base::Digest& digest);
  void removeReferences(store::Transaction& transaction, const std::string& owner);
  void addOrigin(store::Transaction& transaction, const base::Digest& digest,
                 const std::string& repository);

  std::optional<BlobInfo> info(const base::Digest& digest) const;
  bool has(const base::Digest& digest) const;  // present, recorded or held by a lease
  // NotFound: unknown, or only at its origins (the message names them).
  std::unique_ptr<Reader> open(const base::Digest& digest) const;
  // Whole, at most `limit` bytes, verified again: for manifests and configs. DataLoss: damaged on
  // disk.
  std::string read(const base::Digest& digest, size_t limit = 16u << 20) const;

  // Gives the bytes up but keeps the row with its origins. False: no origin is known, nothing was
  // done.
  bool drop(const base::Digest& digest);

  struct Collected {
    std::uint64_t blobs = 0, bytes = 0;
  };
  // Removes rows that nothing refers to or holds, their files, files without a row, old partials.
  Collected collect();
  std::uint64_t bytes() const;  // of all blobs that are present

  // Makes finished blobs durable (syncfs). DataLoss.
  void sync() const;

  struct Impl;  // the library's own

 private:
  std::unique_ptr<Impl> impl_;
};

}  // namespace content
