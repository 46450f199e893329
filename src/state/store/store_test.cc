#include "state/store/store.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstddef>
#include <filesystem>
#include <future>
#include <map>
#include <random>
#include <set>
#include <thread>

#include "platform/base/error.h"
#include "platform/base/fault.h"
#include "platform/base/time.h"
#include "platform/sys/check.h"
#include "platform/sys/fd.h"
#include "platform/sys/file.h"

namespace {

using base::Code;
using store::Durability;
using store::Store;
using store::Transaction;

const store::Schema kSchema{
    "test",
    {"CREATE TABLE item (id INTEGER PRIMARY KEY, owner INTEGER NOT NULL, text TEXT UNIQUE)"}};

class StoreTest : public testing::Test {
 protected:
  StoreTest() {
    char name[] = "/tmp/sampan-store-XXXXXX";
    path_ = ::mkdtemp(name);
  }
  ~StoreTest() override { std::filesystem::remove_all(path_); }

  std::unique_ptr<Store> open() {
    auto store = std::make_unique<Store>(path_ + "/state");
    store->ensure(kSchema);
    return store;
  }
  static void insert(Transaction& t, std::int64_t id, std::int64_t owner = 0) {
    t.run("INSERT INTO item VALUES(?,?,NULL)", {id, owner});
  }
  static std::set<std::int64_t> ids(Store& store) {
    std::set<std::int64_t> result;
    store.read([&](store::Reader& r) {
      r.query("SELECT id FROM item", {},
              [&](const store::Row& row) { result.insert(row.integer(0)); });
    });
    return result;
  }
  template <class Body>
  static std::pair<Code, std::string> errorOf(Body&& body) {
    try {
      body();
    } catch (const base::Error& error) {
      return {error.code(), error.message()};
    }
    return {Code::kNotModified, "no error"};
  }

  std::string path_;
};

TEST_F(StoreTest, WhatWasWrittenIsReadAlsoAfterReopening) {
  {
    auto store = open();
    store->write(Durability::kDurable, [](Transaction& t) {
      EXPECT_EQ(
          t.run("INSERT INTO item(owner,text) VALUES(?,?)", {7, "a\0b" + std::string("\0c", 2)}),
          1);
      EXPECT_EQ(t.lastRowId(), 1);
      EXPECT_EQ(t.run("INSERT INTO item(owner,text) VALUES(?,?)", {8, nullptr}), 1);
    });
  }
  auto store = open();
  store->read([](store::Reader& r) {
    EXPECT_EQ(r.integer("SELECT owner FROM item WHERE id=1"), 7);
    EXPECT_EQ(r.text("SELECT text FROM item WHERE id=1"), "a" + std::string("\0c", 2));
    EXPECT_EQ(r.text("SELECT text FROM item WHERE id=9"), std::nullopt);
    r.query("SELECT text FROM item WHERE id=?", {2},
            [](const store::Row& row) { EXPECT_TRUE(row.null(0)); });
  });
  struct stat status = sys::statAt(AT_FDCWD, path_ + "/state/state.db");
  EXPECT_EQ(status.st_mode & 07777, 0600u);
  EXPECT_EQ(sys::statAt(AT_FDCWD, path_ + "/state/state.db-wal").st_mode & 07777, 0600u);
}

TEST_F(StoreTest, AThrowingClosureUndoesOnlyItself) {
  auto store = open();
  // Hold the writer so that all three are in one batch.
  std::promise<void> release;
  store->writeAsync(Durability::kLazy, [&](Transaction&) { release.get_future().wait(); }, {});
  std::promise<std::exception_ptr> outcome;
  std::atomic<int> published{0};
  store->writeAsync(Durability::kLazy,
                    [&](Transaction& t) {
                      insert(t, 1);
                      t.afterCommit([&] { ++published; });
                    },
                    {});
  store->writeAsync(
      Durability::kLazy,
      [&](Transaction& t) {
        EXPECT_EQ(t.integer("SELECT count(*) FROM item"), 1);  // sees the batch's earlier closures
        insert(t, 2);
        t.afterCommit([&] { published += 100; });
        base::fail(Code::kNotFound, "on purpose");
      },
      [&](std::exception_ptr failure) { outcome.set_value(failure); });
  store->writeAsync(Durability::kLazy, [&](Transaction& t) { insert(t, 3); }, {});
  release.set_value();
  EXPECT_EQ(errorOf([&] { std::rethrow_exception(outcome.get_future().get()); }),
            std::pair(Code::kNotFound, std::string("on purpose")));
  store->write(Durability::kLazy, [](Transaction&) {});
  EXPECT_EQ(ids(*store), (std::set<std::int64_t>{1, 3}));
  EXPECT_EQ(published, 1);
}

TEST_F(StoreTest, AConstraintIsAConflictAndStatementsAreChecked) {
  auto store = open();
  store->write(Durability::kLazy, [](Transaction& t) { insert(t, 1); });
  EXPECT_EQ(
      errorOf([&] { store->write(Durability::kLazy, [](Transaction& t) { insert(t, 1); }); }).first,
      Code::kConflict);
  for (const char* sql : {"SELEC 1", "", "SELECT 1; SELECT 2", "SELECT ?"}) {
    EXPECT_EQ(errorOf([&] { store->read([&](store::Reader& r) { r.integer(sql); }); }).first,
              Code::kInternal)
        << sql;
  }
  // Neither connection is left in a state of its own by an error.
  EXPECT_EQ(ids(*store).size(), 1u);
}

TEST_F(StoreTest, AStatementMayRunInsideItsOwnRows) {
  auto store = open();
  store->write(Durability::kLazy, [](Transaction& t) {
    for (int i = 1; i <= 3; ++i) insert(t, i);
  });
  int pairs = 0;
  store->read([&](store::Reader& r) {
    r.query("SELECT id FROM item", {}, [&](const store::Row&) {
      r.query("SELECT id FROM item", {}, [&](const store::Row&) { ++pairs; });
    });
  });
  EXPECT_EQ(pairs, 9);
}

TEST_F(StoreTest, ViewsArePublishedBeforeWriteReturnsAndInOrder) {
  auto store = open();
  std::vector<int> order;
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&, i] {
      for (int round = 0; round < 50; ++round) {
        std::atomic<bool> published{false};
        store->write(Durability::kLazy, [&](Transaction& t) {
          const auto row = t.run("INSERT INTO item(owner) VALUES(?)", {i});
          EXPECT_EQ(row, 1);
          const int id = static_cast<int>(t.lastRowId());
          t.afterCommit([&, id] {
            order.push_back(id);
            published = true;
          });
        });
        EXPECT_TRUE(published);
      }
    });
  }
  for (auto& thread : threads) thread.join();
  ASSERT_EQ(order.size(), 400u);
  for (size_t i = 0; i < order.size(); ++i) EXPECT_EQ(order[i], static_cast<int>(i) + 1);
}

TEST_F(StoreTest, ConcurrentWritersAndReadersLoseNothing) {
  auto store = open();
  std::atomic<bool> done{false};
  std::thread reader([&] {
    std::int64_t last = 0;
    while (!done) {
      store->read([&](store::Reader& r) {
        const auto count = r.integer("SELECT count(*) FROM item").value_or(0);
        EXPECT_EQ(count, r.integer("SELECT count(*) FROM item"));  // one look is one snapshot
        EXPECT_GE(count, last);
        last = count;
      });
    }
  });
  std::vector<std::thread> writers;
  for (int owner = 0; owner < 16; ++owner) {
    writers.emplace_back([&, owner] {
      for (int i = 0; i < 200; ++i) {
        store->write(i % 20 == 0 ? Durability::kDurable : Durability::kLazy,
                     [&](Transaction& t) { insert(t, owner * 1000 + i, owner); });
      }
    });
  }
  for (auto& writer : writers) writer.join();
  done = true;
  reader.join();
  EXPECT_EQ(ids(*store).size(), 3200u);
}

TEST_F(StoreTest, TheLogIsCopiedBackAndTrimmed) {
  auto store = open();
  for (int i = 0; i < 3000; ++i) {
    store->write(Durability::kLazy, [&](Transaction& t) {
      t.run("INSERT INTO item(owner,text) VALUES(0,?)",
            {std::to_string(i) + std::string(2000, 'x')});
    });
  }
  const auto walSize = [&] { return sys::statAt(AT_FDCWD, path_ + "/state/state.db-wal").st_size; };
  EXPECT_LT(walSize(), 12 << 20);
  EXPECT_GT(walSize(), 0);
  store->trim();
  EXPECT_EQ(walSize(), 0);
  // Room for the next changes is kept, so that a full disk does not stop them.
  EXPECT_GE(sys::statAt(AT_FDCWD, path_ + "/state/state.db-wal").st_blocks * 512, 4 << 20);
}

TEST_F(StoreTest, TheWriterThreadDoesNotWaitForItself) {
  auto store = open();
  EXPECT_EQ(errorOf([&] {
              store->write(Durability::kLazy, [&](Transaction&) {
                store->write(Durability::kLazy, [](Transaction&) {});
              });
            }).first,
            Code::kInternal);
}

TEST_F(StoreTest, WhatIsQueuedAtTheEndIsStillWritten) {
  std::atomic<int> done{0};
  {
    auto store = open();
    for (int i = 0; i < 100; ++i) {
      store->writeAsync(
          Durability::kLazy, [i](Transaction& t) { insert(t, i); },
          [&](std::exception_ptr failure) { done += failure ? 0 : 1; });
    }
  }
  EXPECT_EQ(done, 100);
  EXPECT_EQ(ids(*open()).size(), 100u);
}

TEST_F(StoreTest, SchemasUpgradeStepByStepAndOnce) {
  {
    Store store(path_);
    store.ensure({"a", {"CREATE TABLE a1(x); INSERT INTO a1 VALUES(1)"}});
    store.ensure({"a", {"CREATE TABLE a1(x); INSERT INTO a1 VALUES(1)"}});
  }
  Store store(path_);
  store.ensure({"a", {"CREATE TABLE a1(x)", "INSERT INTO a1 VALUES(2)"}});
  store.ensure({"b", {"CREATE TABLE b1(x)"}});
  store.read([](store::Reader& r) { EXPECT_EQ(r.integer("SELECT sum(x) FROM a1"), 3); });
  // A step that fails leaves no half of itself, nor of the steps before it.
  EXPECT_THROW(
      store.ensure({"c", {"CREATE TABLE c1(x)", "CREATE TABLE c2(x); CREATE TABLE c1(x)"}}),
      base::Error);
  store.ensure({"c", {"CREATE TABLE c1(x)"}});
}

TEST_F(StoreTest, ANewerSchemaIsRefusedInWords) {
  Store store(path_);
  store.ensure({"a", {"CREATE TABLE a1(x)", "CREATE TABLE a2(x)"}});
  const auto [code, text] = errorOf([&] { store.ensure({"a", {"CREATE TABLE a1(x)"}}); });
  EXPECT_EQ(code, Code::kConflict);
  for (const char* part : {"newer version", "a has schema 2", "knows 1", "state.db"}) {
    EXPECT_NE(text.find(part), std::string::npos) << text;
  }
}

TEST_F(StoreTest, OneProcessAtATimeAndNoOthersFile) {
  auto store = open();
  const auto [code, text] = errorOf([&] { open(); });
  EXPECT_EQ(code, Code::kConflict);
  EXPECT_NE(text.find("in use by another process"), std::string::npos) << text;
  store.reset();
  sys::writeAtomic(AT_FDCWD, path_ + "/state/state.db", std::string(8192, 'x'), 0600);
  EXPECT_EQ(errorOf([&] { open(); }).first, Code::kDataLoss);
}

// From here on: children that are killed or robbed of their system calls.

// Makes fsync and fdatasync fail with EIO on every thread of this process.
void breakSync() {
  const sock_filter filter[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_fdatasync, 1, 0),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_fsync, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EIO),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  const sock_fprog program{5, const_cast<sock_filter*>(filter)};
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) ::_exit(100);
  if (::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &program) != 0)
    ::_exit(101);
}

TEST_F(StoreTest, DurableWaitsForTheSyncLazyDoesNotAndAFailedOneIsForEver) {
  open();
  const pid_t pid = ::fork();
  if (pid == 0) {
    int step = 1;
    {
      auto store = open();
      // The first commit to a new log syncs the log's header, whatever its class.
      store->write(Durability::kLazy, [](Transaction& t) { insert(t, 100); });
      breakSync();
      const auto write = [&](Durability durability, std::int64_t id) {
        return errorOf([&] { store->write(durability, [&](Transaction& t) { insert(t, id); }); })
            .first;
      };
      if (write(Durability::kLazy, 1) != Code::kNotModified) ::_exit(step);
      ++step;
      if (write(Durability::kDurable, 2) != Code::kDataLoss) ::_exit(step);
      ++step;
      if (write(Durability::kLazy, 3) != Code::kDataLoss) ::_exit(step);
      ++step;
      if (write(Durability::kDurable, 4) != Code::kDataLoss) ::_exit(step);
      ++step;
      if (!ids(*store).contains(1) || ids(*store).contains(3)) ::_exit(step);
      ++step;
    }
    ::_exit(0);
  }
  int status = 0;
  ::waitpid(pid, &status, 0);
  EXPECT_EQ(status, 0) << "step " << WEXITSTATUS(status);
  const auto left = ids(*open());
  EXPECT_TRUE(left.contains(1));
  EXPECT_FALSE(left.contains(3) || left.contains(4));
}

// Runs writers that say what was acknowledged over a pipe, until the process dies. Returns the ids
// acknowledged.
class Writers {
 public:
  Writers(const std::function<std::unique_ptr<Store>()>& open, std::int64_t from, int threads) {
    int ends[2];
    sys::check(::pipe2(ends, O_CLOEXEC), "pipe");
    reader_ = sys::Fd(ends[0]);
    sys::Fd writer(ends[1]);
    pid_ = ::fork();
    if (pid_ != 0) return;
    auto store = open();
    std::atomic<std::int64_t> next{from};
    const auto work = [&](int owner) {
      for (;;) {
        const std::int64_t id = next++;
        try {
          store->write(id % 3 == 0 ? Durability::kDurable : Durability::kLazy, [&](Transaction& t) {
            t.run("INSERT INTO item VALUES(?,?,NULL)", {id, owner});
          });
        } catch (const base::Error&) {
          continue;
        }
        if (::write(writer.get(), &id, sizeof id) != sizeof id) ::_exit(9);
      }
    };
    std::vector<std::thread> all;
    for (int i = 1; i < threads; ++i) all.emplace_back(work, i);
    work(0);
  }

  // Lets `count` writes be acknowledged, then kills.
  void killAfter(size_t count) {
    char buffer[sizeof(std::int64_t)];
    while (count-- > 0 && ::read(reader_.get(), buffer, sizeof buffer) == sizeof buffer) {
      early_.append(buffer, sizeof buffer);
    }
    ::kill(pid_, SIGKILL);
  }

  // Until the process is dead.
  std::set<std::int64_t> acknowledged() {
    const std::string bytes = early_ + sys::readAll(reader_.get());
    int status = 0;
    ::waitpid(pid_, &status, 0);
    EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) << status;
    std::set<std::int64_t> result;
    for (size_t at = 0; at + sizeof(std::int64_t) <= bytes.size(); at += sizeof(std::int64_t)) {
      std::int64_t id;
      std::memcpy(&id, bytes.data() + at, sizeof id);
      result.insert(id);
    }
    return result;
  }

 private:
  sys::Fd reader_;
  pid_t pid_;
  std::string early_;
};

TEST_F(StoreTest, KilledAtDrawnMomentsNothingAcknowledgedIsLost) {
  open();
  const unsigned seed = std::random_device{}();
  std::mt19937 random(seed);
  std::set<std::int64_t> acknowledged;
  for (int round = 0; round < 25; ++round) {
    Writers writers([&] { return open(); }, round * 1'000'000, 1 + static_cast<int>(random() % 8));
    writers.killAfter(1 + random() % 60);
    acknowledged.merge(writers.acknowledged());
    const auto present = ids(*open());
    for (const std::int64_t id : acknowledged) {
      ASSERT_TRUE(present.contains(id)) << "seed " << seed << " round " << round << " id " << id;
    }
  }
  EXPECT_GT(acknowledged.size(), 100u);
}

#if SAMPAN_FAULTS

TEST_F(StoreTest, KilledAtEveryFaultPointNothingAcknowledgedIsLost) {
  open();
  std::set<std::int64_t> acknowledged;
  std::int64_t from = 0;
  for (const char* point :
       {"store.begin", "store.before-commit", "store.sync", "store.committed"}) {
    for (const int hit : {1, 2, 17, 60}) {
      ::setenv("SAMPAN_FAULT", fmt::format("{}:{}:kill", point, hit).c_str(), 1);
      base::fault::reload();
      Writers writers([&] { return open(); }, from += 1'000'000, 4);
      ::unsetenv("SAMPAN_FAULT");
      base::fault::reload();
      acknowledged.merge(writers.acknowledged());
      const auto present = ids(*open());
      for (const std::int64_t id : acknowledged)
        ASSERT_TRUE(present.contains(id)) << point << " " << hit << " " << id;
    }
  }
  EXPECT_GT(acknowledged.size(), 100u);
}

TEST_F(StoreTest, AFailureBeforeTheCommitFailsItsBatchOnly) {
  auto store = open();
  for (const char* point : {"store.begin", "store.before-commit"}) {
    ::setenv("SAMPAN_FAULT", fmt::format("{}:1:errno=28", point).c_str(), 1);
    base::fault::reload();
    EXPECT_EQ(errorOf([&] {
                store->write(Durability::kDurable, [](Transaction& t) { insert(t, 1); });
              }).first,
              Code::kInternal);
    EXPECT_TRUE(ids(*store).empty());
  }
  ::unsetenv("SAMPAN_FAULT");
  base::fault::reload();
  store->write(Durability::kDurable, [](Transaction& t) { insert(t, 1); });
  EXPECT_EQ(ids(*store).size(), 1u);
}

#endif

}  // namespace
