// One SQLite connection with its prepared statements. Private to the library. Not thread-safe:
// whoever uses it holds its lock or is its thread.
#pragma once

#include <sqlite3.h>

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "platform/base/error.h"
#include "state/store/store.h"

namespace store {

class Connection {
 public:
  explicit Connection(const std::string& file);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // Every row goes to `each`, which may use this connection again. Returns the rows changed by a
  // statement that changes.
  int run(std::string_view sql, const std::vector<Parameter>& parameters,
          const std::function<void(const Row&)>& each);
  // Several statements in one text, no parameters, nothing cached.
  void script(const std::string& sql);

  bool inTransaction() const noexcept { return sqlite3_get_autocommit(db_.get()) == 0; }
  std::int64_t lastRowId() const noexcept { return sqlite3_last_insert_rowid(db_.get()); }
  // Pages in the write-ahead log after the last commit of this connection.
  int walPages() const noexcept { return wal_pages_; }
  void checkpoint(int mode);
  // After a failed sync: the log's checksums tell what reached the disk, a checkpoint would wash
  // that out.
  void keepLogOnClose() noexcept;
  void releaseMemory() noexcept { sqlite3_db_release_memory(db_.get()); }

 private:
  struct CloseDatabase {
    void operator()(sqlite3* db) const noexcept { sqlite3_close_v2(db); }
  };
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const noexcept { sqlite3_finalize(statement); }
  };
  using Statement = std::unique_ptr<sqlite3_stmt, Finalize>;

  // Lends a statement and puts it back reset, also when a callback throws.
  class Lease;

  Statement prepare(std::string_view sql);
  void bind(sqlite3_stmt* statement, const std::vector<Parameter>& parameters,
            std::string_view sql);
  [[noreturn]] void fail(std::string_view sql);

  std::unique_ptr<sqlite3, CloseDatabase> db_;
  // More than one of a text: a row's callback may run the same text again.
  std::unordered_map<std::string, std::vector<Statement>> idle_;
  int wal_pages_ = 0;
};

// True for an Error that leaves unknown what is on the disk: a sync that failed.
bool isSyncFailure(const base::Error& error) noexcept;

}  // namespace store
