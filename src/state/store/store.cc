#include "state/store/store.h"

#include <fcntl.h>
#include <pthread.h>

#include <atomic>
#include <thread>
#include <utility>

#include "platform/base/error.h"
#include "platform/base/fault.h"
#include "platform/base/log.h"
#include "platform/base/mutex.h"
#include "platform/base/scope_exit.h"
#include "platform/sys/file.h"
#include "state/store/connection.h"

namespace store {
namespace {

// Pages in the log beyond which it is copied into the database, behind the answer to those who
// wait.
constexpr int kCheckpointPages = 1000;
constexpr off_t kReservedLog = 4 << 20;  // a thousand pages
// Closures of one batch: bounds how long the first of them waits.
constexpr size_t kMaxBatch = 512;

sys::Fd lockDirectory(const std::string& directory) {
  const sys::Fd dir = sys::makeDirs(AT_FDCWD, directory, 0700);
  auto lock = sys::tryLock(dir.get(), "state.lock");
  if (!lock) {
    base::fail(base::Code::kConflict, "{}/state.db is in use by another process", directory);
  }
  // SQLite gives its log and its shared memory the mode of the database.
  sys::openAt(dir.get(), "state.db", O_RDWR | O_CREAT | O_NOFOLLOW, 0600);
  return std::move(*lock);
}

class ReadTransaction final : public Reader {
 public:
  explicit ReadTransaction(Connection& connection) : connection_(connection) {}
  void query(std::string_view sql, const std::vector<Parameter>& parameters,
             const std::function<void(const Row&)>& each) override {
    connection_.run(sql, parameters, each);
  }

 private:
  Connection& connection_;
};

class WriteTransaction final : public Transaction {
 public:
  explicit WriteTransaction(Connection& connection) : connection_(connection) {}
  void query(std::string_view sql, const std::vector<Parameter>& parameters,
             const std::function<void(const Row&)>& each) override {
    connection_.run(sql, parameters, each);
  }
  int run(std::string_view sql, const std::vector<Parameter>& parameters) override {
    return connection_.run(sql, parameters, {});
  }
  std::int64_t lastRowId() const override { return connection_.lastRowId(); }
  void afterCommit(std::function<void()> publish) override {
    publish_.push_back(std::move(publish));
  }

  std::vector<std::function<void()>> takePublish() { return std::move(publish_); }

 private:
  Connection& connection_;
  std::vector<std::function<void()>> publish_;
};

// One closure on its way through the writer.
struct Item {
  Durability durability = Durability::kLazy;
  std::function<void(Transaction&)> change;
  std::function<void(Connection&)> maintenance;  // instead of `change`: outside any transaction
  std::function<void(std::exception_ptr)> done;
  std::exception_ptr failure;
  std::vector<std::function<void()>> publish;
};

}  // namespace

std::int64_t Row::integer(int column) const {
  return sqlite3_column_int64(statement_, column);
}

std::string Row::text(int column) const {
  const auto* bytes = reinterpret_cast<const char*>(sqlite3_column_text(statement_, column));
  if (bytes == nullptr) return {};
  return {bytes, static_cast<size_t>(sqlite3_column_bytes(statement_, column))};
}

bool Row::null(int column) const {
  return sqlite3_column_type(statement_, column) == SQLITE_NULL;
}

std::optional<std::string> Reader::text(std::string_view sql,
                                        const std::vector<Parameter>& parameters) {
  std::optional<std::string> result;
  query(sql, parameters, [&](const Row& row) {
    if (!result) result = row.text(0);
  });
  return result;
}

std::optional<std::int64_t> Reader::integer(std::string_view sql,
                                            const std::vector<Parameter>& parameters) {
  std::optional<std::int64_t> result;
  query(sql, parameters, [&](const Row& row) {
    if (!result) result = row.integer(0);
  });
  return result;
}

struct Store::Impl {
  explicit Impl(const std::string& where)
      : directory(where),
        lock(lockDirectory(where)),
        writer(where + "/state.db"),
        reader(where + "/state.db") {}

  const std::string directory;
  const sys::Fd lock;
  Connection writer;                  // the writer thread's, once it runs
  std::optional<Durability> current;  // what PRAGMA synchronous of `writer` says
  std::optional<base::Error> lost;    // a sync failed: nothing is promised any more
  bool reserved = false;              // the writer thread's

  base::Mutex readerMutex;
  Connection reader GUARDED_BY(readerMutex);

  base::Mutex mutex;
  base::Condition changed;
  std::vector<Item> queue GUARDED_BY(mutex);
  bool stopping GUARDED_BY(mutex) = false;
  std::thread thread;

  void enqueue(Item item) {
    {
      const base::Lock guard(mutex);
      if (stopping) base::fail(base::Code::kUnavailable, "the database is closing");
      queue.push_back(std::move(item));
    }
    changed.notifyOne();
  }

  // What waits, up to a maintenance item, which goes alone. Empty: the end.
  std::vector<Item> nextBatch() {
    const base::Lock guard(mutex);
    while (queue.empty() && !stopping) changed.wait(mutex);
    size_t count = 0;
    while (count < queue.size() && count < kMaxBatch && !queue[count].maintenance) ++count;
    if (count == 0 && !queue.empty()) count = 1;
    std::vector<Item> batch;
    if (count == queue.size()) {
      batch.swap(queue);
    } else {
      const auto end = queue.begin() + static_cast<long>(count);
      batch.assign(std::make_move_iterator(queue.begin()), std::make_move_iterator(end));
      queue.erase(queue.begin(), end);
    }
    return batch;
  }

  // Blocks for the log that nobody else can have: on a full disk containers can still be stopped
  // and removed, each a few pages. Beyond the file's end, so that SQLite sees nothing of them.
  void reserveLog() noexcept {
    try {
      const auto log = sys::openAtIfExists(AT_FDCWD, directory + "/state.db-wal", O_RDWR);
      if (!log) return;
      reserved = true;
      if (::fallocate(log->get(), FALLOC_FL_KEEP_SIZE, 0, kReservedLog) != 0 && errno != EOPNOTSUPP)
        base::log::warn("database: no room could be reserved", {{"error", base::errnoText(errno)}});
    } catch (const base::Error& error) {
      base::log::warn("database: no room could be reserved", {{"error", error.message()}});
    }
  }

  void setDurability(Durability durability) {
    if (current == durability) return;
    writer.script(durability == Durability::kDurable ? "PRAGMA synchronous=FULL"
                                                     : "PRAGMA synchronous=NORMAL");
    current = durability;
  }

  void rollback() noexcept {
    try {
      if (writer.inTransaction()) writer.run("ROLLBACK", {}, {});
    } catch (const base::Error& error) {
      base::log::error("database: rollback failed", {{"error", error.message()}});
    }
  }

  // Runs the closure so that only its own changes go when it throws. An Error that leaves this
  // function is one of the whole batch.
  void apply(Item& item) {
    WriteTransaction transaction(writer);
    writer.run("SAVEPOINT one", {}, {});
    try {
      item.change(transaction);
      item.publish = transaction.takePublish();
    } catch (...) {  // an edge: whatever a closure throws belongs to its caller
      item.failure = std::current_exception();
    }
    // Some failures (disk full, I/O) make SQLite undo everything, what earlier closures did
    // included.
    if (!writer.inTransaction()) {
      if (item.failure) std::rethrow_exception(item.failure);
      base::fail(base::Code::kInternal, "database: a closure ended the transaction");
    }
    if (item.failure) writer.run("ROLLBACK TO one", {}, {});
    writer.run("RELEASE one", {}, {});
  }

  void commit() {
    base::faultPoint("store.before-commit");
    try {
      base::faultPoint("store.sync");
    } catch (const base::Error& error) {
      throw base::Error(base::Code::kDataLoss, error.message(), EIO);
    }
    writer.run("COMMIT", {}, {});
  }

  void transact(std::vector<Item>& batch) {
    bool durable = false;
    for (const Item& item : batch) durable = durable || item.durability == Durability::kDurable;
    setDurability(durable ? Durability::kDurable : Durability::kLazy);
    base::faultPoint("store.begin");
    writer.run("BEGIN IMMEDIATE", {}, {});
    if (!reserved) reserveLog();
    for (Item& item : batch) apply(item);
    commit();
    base::faultPoint("store.committed");
  }

  void remember(const base::Error& error) {
    if (!isSyncFailure(error) || lost) return;
    lost = base::Error(
        base::Code::kDataLoss,
        "writing the database to disk failed, nothing more is written until a restart: " +
            error.message(),
        EIO);
    writer.keepLogOnClose();
    base::log::error(lost->message());
  }

  // Every item has its outcome afterwards.
  void execute(std::vector<Item>& batch) noexcept {
    std::exception_ptr failure;
    try {
      if (lost) throw *lost;
      if (batch.size() == 1 && batch[0].maintenance) {
        batch[0].maintenance(writer);
      } else {
        transact(batch);
      }
    } catch (const base::Error& error) {
      remember(error);
      failure =
          lost && isSyncFailure(error) ? std::make_exception_ptr(*lost) : std::current_exception();
    } catch (...) {  // an edge: the writer thread
      failure = std::current_exception();
    }
    if (!failure) return;
    rollback();
    for (Item& item : batch) {
      item.publish.clear();
      if (!item.failure) item.failure = failure;
    }
  }

  static void guarded(const char* what, const std::function<void()>& body) noexcept {
    try {
      body();
    } catch (const std::exception& error) {
      base::log::error("database: callback failed", {{"kind", what}, {"error", error.what()}});
    }
  }

  void main() noexcept {
    ::pthread_setname_np(::pthread_self(), "store-writer");
    for (;;) {
      std::vector<Item> batch = nextBatch();
      if (batch.empty()) return;
      execute(batch);
      for (const Item& item : batch) {
        for (const auto& publish : item.publish) guarded("publish", publish);
      }
      for (Item& item : batch) {
        if (item.done) guarded("done", [&] { item.done(std::move(item.failure)); });
      }
      batch.clear();  // what the closures own goes before we sleep
      if (writer.walPages() >= kCheckpointPages) checkpoint();
    }
  }

  void checkpoint() noexcept {
    try {
      writer.checkpoint(SQLITE_CHECKPOINT_PASSIVE);
    } catch (const base::Error& error) {
      remember(error);
      base::log::error("database: checkpoint failed", {{"error", error.message()}});
    }
  }

  // Queues the item and waits for its outcome.
  void await(Item item) {
    if (std::this_thread::get_id() == thread.get_id()) {
      base::fail(base::Code::kInternal, "database: the writer thread would wait for itself");
    }
    struct Wait {
      std::atomic<bool> finished{false};
      std::exception_ptr failure;
    };
    // Shared: the writer still touches it while it wakes us.
    const auto wait = std::make_shared<Wait>();
    item.done = [wait](std::exception_ptr failure) {
      wait->failure = std::move(failure);
      wait->finished.store(true, std::memory_order_release);
      wait->finished.notify_one();
    };
    enqueue(std::move(item));
    wait->finished.wait(false, std::memory_order_acquire);
    // Ours alone from here on: the writer may drop the shared part after us.
    if (auto failure = std::move(wait->failure)) std::rethrow_exception(std::move(failure));
  }
};

Store::Store(const std::string& directory)
    : impl_(base::within("open " + directory + "/state.db",
                         [&] { return std::make_unique<Impl>(directory); })) {
  impl_->writer.script(
      "CREATE TABLE IF NOT EXISTS schema_version (name TEXT PRIMARY KEY, version INTEGER NOT NULL) "
      "WITHOUT ROWID");
  impl_->thread = std::thread([this] { impl_->main(); });
}

Store::~Store() {
  {
    const base::Lock guard(impl_->mutex);
    impl_->stopping = true;
  }
  impl_->changed.notifyOne();
  impl_->thread.join();
}

void Store::ensure(const Schema& schema) {
  Item item;
  item.maintenance = [&](Connection& connection) {
    constexpr std::string_view kVersion = "SELECT version FROM schema_version WHERE name=?1";
    std::int64_t version = 0;
    connection.run(kVersion, {schema.name}, [&](const Row& row) { version = row.integer(0); });
    const auto known = static_cast<std::int64_t>(schema.steps.size());
    if (version > known) {
      base::fail(base::Code::kConflict,
                 "{}/state.db was written by a newer version: {} has schema {}, this program knows "
                 "{}; run the newer "
                 "version again, or move the file away to start anew",
                 impl_->directory, schema.name, version, known);
    }
    if (version == known) return;
    impl_->setDurability(Durability::kDurable);
    connection.run("BEGIN IMMEDIATE", {}, {});
    for (auto step = version; step < known; ++step)
      connection.script(schema.steps[static_cast<size_t>(step)]);
    connection.run(
        "INSERT INTO schema_version VALUES(?1,?2) ON CONFLICT(name) DO UPDATE SET version=?2",
        {schema.name, known}, {});
    connection.run("COMMIT", {}, {});
  };
  impl_->await(std::move(item));
}

void Store::write(Durability durability, std::function<void(Transaction&)> change) {
  Item item;
  item.durability = durability;
  item.change = std::move(change);
  impl_->await(std::move(item));
}

void Store::writeAsync(Durability durability, std::function<void(Transaction&)> change,
                       std::function<void(std::exception_ptr)> done) {
  Item item;
  item.durability = durability;
  item.change = std::move(change);
  item.done = std::move(done);
  impl_->enqueue(std::move(item));
}

void Store::read(const std::function<void(Reader&)>& look) {
  const base::Lock guard(impl_->readerMutex);
  impl_->reader.run("BEGIN", {}, {});
  // Ends a read: there is nothing to commit, so nothing to lose.
  base::ScopeExit end{[&]() NO_THREAD_SAFETY_ANALYSIS { impl_->reader.run("COMMIT", {}, {}); }};
  ReadTransaction transaction(impl_->reader);
  look(transaction);
}

void Store::trim() {
  Item item;
  item.maintenance = [this](Connection& connection) {
    connection.checkpoint(SQLITE_CHECKPOINT_TRUNCATE);
    impl_->reserveLog();
    connection.releaseMemory();
  };
  impl_->await(std::move(item));
  const base::Lock guard(impl_->readerMutex);
  impl_->reader.releaseMemory();
}

}  // namespace store
