// One SQLite database with one writer thread and group commit.
//
// A change and its event belong into one write(). The closure runs on the writer thread inside a
// savepoint of the batch's transaction: it sees what earlier closures of the batch wrote, must not
// block or call out, and when it throws only its own changes are undone and write() rethrows.
// write() returns after the commit that its class asks for, never before. A failed sync is sticky:
// every later write fails with DataLoss, since the page cache may lie.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

struct sqlite3;
struct sqlite3_stmt;

namespace store {

enum class Durability {
  kLazy,     // survives kill -9 of the daemon
  kDurable,  // survives a power cut; a batch with one durable member is synced as a whole
};

using Parameter = std::variant<std::nullptr_t, std::int64_t, std::string, std::string_view>;

// One row of a result, valid during the callback.
class Row {
 public:
  explicit Row(sqlite3_stmt* statement) : statement_(statement) {}
  std::int64_t integer(int column) const;
  std::string text(int column) const;
  bool null(int column) const;

 private:
  sqlite3_stmt* statement_;
};

// Statements are prepared once a connection and text, so pass literals.
class Reader {
 public:
  virtual ~Reader() = default;
  virtual void query(std::string_view sql, const std::vector<Parameter>& parameters,
                     const std::function<void(const Row&)>& each) = 0;
  // First row, first column.
  std::optional<std::string> text(std::string_view sql,
                                  const std::vector<Parameter>& parameters = {});
  std::optional<std::int64_t> integer(std::string_view sql,
                                      const std::vector<Parameter>& parameters = {});
};

class Transaction : public Reader {
 public:
  // Returns the number of rows changed. A constraint that is violated is Error kConflict.
  virtual int run(std::string_view sql, const std::vector<Parameter>& parameters = {}) = 0;
  virtual std::int64_t lastRowId() const = 0;
  // Runs after the batch was committed, on the writer thread, in order of the closures: publishing
  // views and events. Must not throw or block.
  virtual void afterCommit(std::function<void()> publish) = 0;
};

// Tables of one library: `name` is its row in schema_version. Each step upgrades from its index to
// the next; a version newer than steps.size() is refused with the name, both numbers, and what to
// do.
struct Schema {
  std::string name;
  std::vector<std::string> steps;
};

class Store {
 public:
  // Opens or makes `directory`/state.db (0600, WAL). Error: newer schema, damaged, locked by
  // another process.
  explicit Store(const std::string& directory);
  ~Store();

  // Before the first write of that library; idempotent.
  void ensure(const Schema& schema);

  void write(Durability durability, std::function<void(Transaction&)> change);
  // Does not wait: `done` runs on the writer thread after the commit, with what the closure threw,
  // or null.
  void writeAsync(Durability durability, std::function<void(Transaction&)> change,
                  std::function<void(std::exception_ptr)> done);

  // A read on the calling thread (one connection, guarded): sees what was committed.
  void read(const std::function<void(Reader&)>& look);

  // Checkpoints and gives caches back; for idle moments.
  void trim();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace store
