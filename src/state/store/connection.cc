#include "state/store/connection.h"

#include <cerrno>

namespace store {
namespace {

// Texts are meant to be literals; this only bounds what a caller that forgets it can cost.
constexpr size_t kMaxTexts = 512;

// Marks a sync failure in sysErrno beyond the kernel's numbers' meaning: DataLoss with EIO is made
// nowhere else.
base::Error asError(sqlite3* db, std::string_view sql) {
  const int extended = sqlite3_extended_errcode(db);
  const std::string text = fmt::format("database: {} ({:.120})", sqlite3_errmsg(db), sql);
  switch (extended & 0xff) {
    case SQLITE_CONSTRAINT:
      return {base::Code::kConflict, text};
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return {base::Code::kDataLoss, text};
    case SQLITE_FULL:
      return {base::Code::kInternal, text, ENOSPC};
    case SQLITE_IOERR:
      if (extended == SQLITE_IOERR_FSYNC || extended == SQLITE_IOERR_DIR_FSYNC) {
        return {base::Code::kDataLoss, text, EIO};
      }
      return {base::Code::kInternal, text, sqlite3_system_errno(db)};
    default:
      return {base::Code::kInternal, text};
  }
}

}  // namespace

bool isSyncFailure(const base::Error& error) noexcept {
  return error.code() == base::Code::kDataLoss && error.sysErrno() == EIO;
}

class Connection::Lease {
 public:
  Lease(Connection& connection, std::string_view sql) : connection_(connection), sql_(sql) {
    const auto found = connection_.idle_.find(sql_);
    if (found != connection_.idle_.end() && !found->second.empty()) {
      statement_ = std::move(found->second.back());
      found->second.pop_back();
    } else {
      statement_ = connection_.prepare(sql);
    }
  }
  ~Lease() {
    sqlite3_reset(statement_.get());
    sqlite3_clear_bindings(statement_.get());
    auto& idle = connection_.idle_;
    if (idle.size() >= kMaxTexts && !idle.contains(sql_)) idle.clear();
    idle[sql_].push_back(std::move(statement_));
  }
  sqlite3_stmt* get() const noexcept { return statement_.get(); }

 private:
  Connection& connection_;
  const std::string sql_;
  Statement statement_;
};

Connection::Connection(const std::string& file) {
  sqlite3* db = nullptr;
  const int result =
      sqlite3_open_v2(file.c_str(), &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, nullptr);
  db_.reset(db);
  if (result != SQLITE_OK) fail("open " + file);
  sqlite3_extended_result_codes(db, 1);
  sqlite3_busy_timeout(db, 5000);
  const auto remember = [](void* self, sqlite3*, const char*, int pages) {
    static_cast<Connection*>(self)->wal_pages_ = pages;
    return SQLITE_OK;
  };
  script(
      "PRAGMA journal_mode=WAL; PRAGMA cache_size=-512; PRAGMA temp_store=MEMORY; PRAGMA "
      "foreign_keys=ON;"
      "PRAGMA journal_size_limit=4194304;");
  // In place of the automatic checkpoint: ours runs when nobody waits for the commit any more.
  sqlite3_wal_hook(db, remember, this);
}

Connection::~Connection() {
  idle_.clear();
}

Connection::Statement Connection::prepare(std::string_view sql) {
  sqlite3_stmt* statement = nullptr;
  const char* rest = nullptr;
  const int length = static_cast<int>(sql.size());
  if (sqlite3_prepare_v3(db_.get(), sql.data(), length, SQLITE_PREPARE_PERSISTENT, &statement,
                         &rest) != SQLITE_OK) {
    fail(sql);
  }
  Statement prepared(statement);
  if (statement == nullptr ||
      sql.substr(static_cast<size_t>(rest - sql.data())).find_first_not_of(" ;\n") != sql.npos) {
    base::fail(base::Code::kInternal, "database: not one statement ({:.120})", sql);
  }
  return prepared;
}

void Connection::bind(sqlite3_stmt* statement, const std::vector<Parameter>& parameters,
                      std::string_view sql) {
  if (sqlite3_bind_parameter_count(statement) != static_cast<int>(parameters.size())) {
    base::fail(base::Code::kInternal, "database: {} parameters given, {} wanted ({:.120})",
               parameters.size(), sqlite3_bind_parameter_count(statement), sql);
  }
  for (size_t i = 0; i < parameters.size(); ++i) {
    const int at = static_cast<int>(i) + 1;
    const auto text = [&](std::string_view value) {
      return sqlite3_bind_text64(statement, at, value.data() != nullptr ? value.data() : "",
                                 value.size(), SQLITE_STATIC, SQLITE_UTF8);
    };
    int result = SQLITE_OK;
    if (const auto* number = std::get_if<std::int64_t>(&parameters[i])) {
      result = sqlite3_bind_int64(statement, at, *number);
    } else if (const auto* owned = std::get_if<std::string>(&parameters[i])) {
      result = text(*owned);
    } else if (const auto* view = std::get_if<std::string_view>(&parameters[i])) {
      result = text(*view);
    } else {
      result = sqlite3_bind_null(statement, at);
    }
    if (result != SQLITE_OK) fail(sql);
  }
}

int Connection::run(std::string_view sql, const std::vector<Parameter>& parameters,
                    const std::function<void(const Row&)>& each) {
  const Lease lease(*this, sql);
  bind(lease.get(), parameters, sql);
  for (;;) {
    const int result = sqlite3_step(lease.get());
    if (result == SQLITE_DONE) break;
    if (result != SQLITE_ROW) fail(sql);
    if (each) each(Row(lease.get()));
  }
  return sqlite3_stmt_readonly(lease.get()) != 0 ? 0 : sqlite3_changes(db_.get());
}

void Connection::script(const std::string& sql) {
  if (sqlite3_exec(db_.get(), sql.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK) fail(sql);
}

void Connection::checkpoint(int mode) {
  const int result = sqlite3_wal_checkpoint_v2(db_.get(), nullptr, mode, nullptr, nullptr);
  // Busy: a reader still needs the log; the next one gets further.
  if (result != SQLITE_OK && (result & 0xff) != SQLITE_BUSY) fail("checkpoint");
  wal_pages_ = 0;
}

void Connection::keepLogOnClose() noexcept {
  sqlite3_db_config(db_.get(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
}

void Connection::fail(std::string_view sql) {
  throw asError(db_.get(), sql);
}

}  // namespace store
