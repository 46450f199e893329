#include "storage/content/content.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <ctime>

#include "platform/base/error.h"
#include "platform/base/log.h"
#include "platform/base/scope_exit.h"
#include "platform/base/time.h"
#include "platform/crypto/hash.h"
#include "platform/sys/check.h"
#include "platform/sys/file.h"
#include "storage/content/impl.h"

namespace content {

namespace {

constexpr std::time_t kPartialLife = 7 * 24 * 3600;
constexpr off_t kWorthKeeping = 64 << 10;  // less is fetched again sooner than looked after

const store::Schema& schema() {
  static const store::Schema kSchema{
      "content",
      {"CREATE TABLE content_blob (digest TEXT PRIMARY KEY, size INTEGER NOT NULL, present INTEGER "
       "NOT NULL,"
       " created INTEGER NOT NULL) WITHOUT ROWID;"
       "CREATE TABLE content_origin (digest TEXT NOT NULL, repository TEXT NOT NULL,"
       " PRIMARY KEY (digest, repository)) WITHOUT ROWID;"
       "CREATE TABLE content_reference (owner TEXT NOT NULL, digest TEXT NOT NULL,"
       " PRIMARY KEY (owner, digest)) WITHOUT ROWID;"
       "CREATE INDEX content_reference_digest ON content_reference (digest);"}};
  return kSchema;
}

class HeldBlobs : public Lease {
 public:
  explicit HeldBlobs(Store::Impl& impl) : impl_(impl) {}
  ~HeldBlobs() override { impl_.release(digests_); }
  void hold(const base::Digest& digest) override {
    base::Lock lock(mutex_);
    if (digests_.insert(digest).second) impl_.hold(digest);
  }

 private:
  Store::Impl& impl_;
  base::Mutex mutex_;
  std::set<base::Digest> digests_;
};

class FileReader : public Reader {
 public:
  FileReader(sys::Fd fd, std::uint64_t size) : fd_(std::move(fd)), size_(size) {}

  size_t read(std::span<char> into) override {
    const size_t got = readAt(offset_, into);
    offset_ += got;
    return got;
  }
  std::uint64_t size() const override { return size_; }
  size_t readAt(std::uint64_t offset, std::span<char> into) const override {
    const auto at = static_cast<off_t>(offset);
    return static_cast<size_t>(
        sys::check(sys::retry([&] { return ::pread(fd_.get(), into.data(), into.size(), at); }),
                   "read", "blob"));
  }

 private:
  sys::Fd fd_;
  std::uint64_t size_;
  std::uint64_t offset_ = 0;
};

sys::Fd openDirectory(int parent, const std::string& name) {
  sys::makeDirs(parent, name, 0710);
  return sys::openAt(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
}

std::optional<base::Digest> digestOfName(const std::string& algorithm, const std::string& name) {
  return base::Digest::tryParse(algorithm + ":" + name);
}

// Every blob file: digest and name. Others are left alone.
template <class Each>
void eachFile(int blobs, Each each) {
  for (const auto& algorithm : sys::listDir(blobs)) {
    for (const auto& name : sys::listDir(blobs, algorithm)) {
      if (const auto digest = digestOfName(algorithm, name)) each(*digest, algorithm + "/" + name);
    }
  }
}

std::set<base::Digest> presentRows(store::Store& database) {
  std::set<base::Digest> rows;
  database.read([&](store::Reader& reader) {
    reader.query("SELECT digest FROM content_blob WHERE present = 1", {},
                 [&](const store::Row& row) { rows.insert(base::Digest::parse(row.text(0))); });
  });
  return rows;
}

}  // namespace

std::string blobName(const base::Digest& digest) {
  return std::string(digest.algorithm()) + "/" + std::string(digest.hex());
}

std::string partialName(const base::Digest& digest) {
  return std::string(digest.algorithm()) + "-" + std::string(digest.hex());
}

Store::Impl::Impl(const std::string& dataRoot, store::Store& store)
    : database(store), path(dataRoot + "/content") {
  root = openDirectory(AT_FDCWD, path);
  blobs = openDirectory(root.get(), "blobs");
  for (const char* algorithm : {"sha256", "sha512"}) openDirectory(blobs.get(), algorithm);
  partials = openDirectory(root.get(), "partial");
  database.ensure(schema());
  sweep();
  sweepPartials();
}

// Before anybody else works here: what is not recorded was never promised to anybody. Big ones, the
// layers of a pull that the daemon did not outlive, become partial downloads that lack nothing.
void Store::Impl::sweep() {
  auto rows = presentRows(database);
  eachFile(blobs.get(), [&](const base::Digest& digest, const std::string& name) {
    if (rows.erase(digest) > 0) return;
    const auto status = sys::statAtIfExists(blobs.get(), name);
    const bool kept =
        status && status->st_size >= kWorthKeeping &&
        ::renameat(blobs.get(), name.c_str(), partials.get(), partialName(digest).c_str()) == 0;
    if (!kept) sys::removeFile(blobs.get(), name);
  });
  if (rows.empty()) return;
  for (const auto& digest : rows)
    base::log::error("the file of a blob is missing", {{"digest", digest.str()}});
  database.write(store::Durability::kLazy, [&](store::Transaction& transaction) {
    for (const auto& digest : rows)
      transaction.run("UPDATE content_blob SET present = 0 WHERE digest = ?", {digest.str()});
  });
}

void Store::Impl::sweepPartials() {
  const std::time_t now = ::time(nullptr);
  for (const auto& name : sys::listDir(partials.get())) {
    const auto status = sys::statAtIfExists(partials.get(), name);
    const bool resumable =
        status && !name.starts_with("new-") && now - status->st_mtim.tv_sec < kPartialLife;
    if (!resumable) sys::removeFile(partials.get(), name);
  }
}

bool Store::Impl::onDisk(const base::Digest& digest) const {
  return sys::statAtIfExists(blobs.get(), blobName(digest)).has_value();
}

void Store::Impl::hold(const base::Digest& digest) {
  base::Lock lock(mutex);
  ++held[digest];
  if (collecting) heldMeanwhile.insert(digest);
}

void Store::Impl::release(const std::set<base::Digest>& digests) {
  base::Lock lock(mutex);
  for (const auto& digest : digests) {
    if (--held[digest] == 0) held.erase(digest);
  }
}

bool Store::Impl::beginIngest(Lease& lease, const base::Digest& digest,
                              const base::StopToken& stop) {
  // A waiter must wake when it is told to stop.
  const auto wake = stop.onStop([this] {
    base::Lock lock(mutex);
    changed.notifyAll();
  });
  lease.hold(digest);  // before looking: what is there must not be collected while we look
  base::Lock lock(mutex);
  while (ingesting.contains(digest) && !stop.stopped()) changed.wait(mutex);
  stop.throwIfStopped();
  if (onDisk(digest)) return false;
  ingesting.insert(digest);
  return true;
}

void Store::Impl::endIngest(const base::Digest& digest) {
  base::Lock lock(mutex);
  ingesting.erase(digest);
  changed.notifyAll();
}

void Store::Impl::publish(const std::string& partial, const base::Digest& digest) {
  if (::renameat(partials.get(), partial.c_str(), blobs.get(), blobName(digest).c_str()) < 0) {
    base::failErrno(errno, "rename", "blob " + digest.str());
  }
}

Store::Store(const std::string& dataRoot, store::Store& store)
    : impl_(std::make_unique<Impl>(dataRoot, store)) {}
Store::~Store() = default;

std::unique_ptr<Lease> Store::lease(const std::string&) {
  return std::make_unique<HeldBlobs>(*impl_);
}

std::unique_ptr<Ingest> Store::ingest(Lease& lease, const base::Digest& digest,
                                      std::optional<std::uint64_t> size,
                                      const base::StopToken& stop) {
  if (!impl_->beginIngest(lease, digest, stop)) return nullptr;
  base::ScopeExit undo{[&] { impl_->endIngest(digest); }};
  auto ingest = makeIngest(*impl_, lease, digest, size);
  undo.dismiss();
  return ingest;
}

std::unique_ptr<Ingest> Store::ingestUnknown(Lease& lease) {
  return makeIngest(*impl_, lease, {}, std::nullopt);
}

Finished Store::put(Lease& lease, std::string_view bytes) {
  const auto digest = crypto::digestOf(bytes);
  const auto in = ingest(lease, digest, bytes.size());
  if (!in) return {digest, bytes.size()};
  if (in->offset() > 0) in->restart();
  in->writeText(bytes);
  return in->finish();
}

// -- rows

void Store::record(store::Transaction& transaction, const Finished& blob) {
  transaction.run(
      "INSERT INTO content_blob (digest, size, present, created) VALUES (?, ?, 1, ?)"
      " ON CONFLICT (digest) DO UPDATE SET size = excluded.size, present = 1",
      {blob.digest.str(), static_cast<std::int64_t>(blob.size), base::Time::now().ns});
}

void Store::addReference(store::Transaction& transaction, const std::string& owner,
                         const base::Digest& digest) {
  transaction.run("INSERT OR IGNORE INTO content_reference (owner, digest) VALUES (?, ?)",
                  {owner, digest.str()});
}

void Store::removeReferences(store::Transaction& transaction, const std::string& owner) {
  transaction.run("DELETE FROM content_reference WHERE owner = ?", {owner});
}

void Store::addOrigin(store::Transaction& transaction, const base::Digest& digest,
                      const std::string& repository) {
  transaction.run("INSERT OR IGNORE INTO content_origin (digest, repository) VALUES (?, ?)",
                  {digest.str(), repository});
}

std::optional<BlobInfo> Store::info(const base::Digest& digest) const {
  std::optional<BlobInfo> found;
  impl_->database.read([&](store::Reader& reader) {
    reader.query("SELECT size, present FROM content_blob WHERE digest = ?", {digest.str()},
                 [&](const store::Row& row) {
                   found = BlobInfo{
                       digest, static_cast<std::uint64_t>(row.integer(0)), row.integer(1) != 0, {}};
                 });
    if (!found) return;
    reader.query("SELECT repository FROM content_origin WHERE digest = ? ORDER BY repository",
                 {digest.str()},
                 [&](const store::Row& row) { found->origins.push_back(row.text(0)); });
  });
  return found;
}

bool Store::has(const base::Digest& digest) const {
  return impl_->onDisk(digest);
}

std::unique_ptr<Reader> Store::open(const base::Digest& digest) const {
  auto fd = sys::openAtIfExists(impl_->blobs.get(), blobName(digest), O_RDONLY | O_NOFOLLOW);
  if (!fd) {
    const auto known = info(digest);
    std::string origins;
    if (known) {
      for (const auto& origin : known->origins)
        origins += (origins.empty() ? "; it can be had from " : ", ") + origin;
    }
    base::fail(base::Code::kNotFound, "content {} is not here{}", digest.str(), origins);
  }
  struct stat status {};
  if (::fstat(fd->get(), &status) < 0) base::failErrno(errno, "stat", "blob");
  return std::make_unique<FileReader>(std::move(*fd), static_cast<std::uint64_t>(status.st_size));
}

std::string Store::read(const base::Digest& digest, size_t limit) const {
  const auto reader = open(digest);
  if (reader->size() > limit) {
    base::fail(base::Code::kInvalidArgument, "content {} of {} bytes is larger than {}",
               digest.str(), reader->size(), limit);
  }
  archive::StringSink text;
  archive::copy(*reader, text);
  if (crypto::digestOf(text.text, crypto::algorithmOf(digest)) != digest) {
    base::fail(base::Code::kDataLoss, "content {} is damaged on disk", digest.str());
  }
  return std::move(text.text);
}

bool Store::drop(const base::Digest& digest) {
  {
    base::Lock lock(impl_->mutex);
    if (impl_->held.contains(digest)) return false;
  }
  const auto known = info(digest);
  if (!known || known->origins.empty()) return false;
  impl_->database.write(store::Durability::kDurable, [&](store::Transaction& transaction) {
    transaction.run("UPDATE content_blob SET present = 0 WHERE digest = ?", {digest.str()});
  });
  base::Lock lock(impl_->mutex);
  if (!impl_->held.contains(digest)) sys::removeFile(impl_->blobs.get(), blobName(digest));
  return true;
}

// -- garbage

Store::Collected Store::collect() {
  Impl& impl = *impl_;
  {
    base::Lock lock(impl.mutex);
    if (impl.collecting) return {};
    impl.collecting = true;
    impl.heldMeanwhile.clear();
    for (const auto& [digest, count] : impl.held) impl.heldMeanwhile.insert(digest);
  }
  base::ScopeExit done{[&] {
    base::Lock lock(impl.mutex);
    impl.collecting = false;
    impl.heldMeanwhile.clear();
  }};
  const auto spared = [&](const base::Digest& digest) {
    base::Lock lock(impl.mutex);
    return impl.heldMeanwhile.contains(digest);
  };
  impl.database.write(store::Durability::kDurable, [&](store::Transaction& transaction) {
    std::vector<std::string> garbage;
    transaction.query(
        "SELECT digest FROM content_blob b WHERE NOT EXISTS (SELECT 1 FROM content_reference r "
        "WHERE r.digest = b.digest)",
        {}, [&](const store::Row& row) {
          if (!spared(base::Digest::parse(row.text(0)))) garbage.push_back(row.text(0));
        });
    for (const auto& digest : garbage) {
      transaction.run("DELETE FROM content_blob WHERE digest = ?", {digest});
      transaction.run("DELETE FROM content_origin WHERE digest = ?", {digest});
    }
  });
  // Whatever was held at any time since the start is spared, since it may have got its row after
  // this look.
  const auto rows = presentRows(impl.database);
  Collected collected;
  eachFile(impl.blobs.get(), [&](const base::Digest& digest, const std::string& name) {
    if (rows.contains(digest)) return;
    base::Lock lock(impl.mutex);  // nobody begins to hold it between the look and the removal
    if (impl.heldMeanwhile.contains(digest)) return;
    const auto status = sys::statAtIfExists(impl.blobs.get(), name);
    if (!status || !sys::removeFile(impl.blobs.get(), name)) return;
    ++collected.blobs;
    collected.bytes += static_cast<std::uint64_t>(status->st_size);
  });
  return collected;
}

std::uint64_t Store::bytes() const {
  std::uint64_t total = 0;
  impl_->database.read([&](store::Reader& reader) {
    total = static_cast<std::uint64_t>(
        reader.integer("SELECT coalesce(sum(size), 0) FROM content_blob WHERE present = 1")
            .value_or(0));
  });
  return total;
}

void Store::sync() const {
  if (::syncfs(impl_->root.get()) < 0) {
    throw base::Error(base::Code::kDataLoss,
                      fmt::format("syncfs {}: {}", impl_->path, base::errnoText(errno)), errno);
  }
}

}  // namespace content
