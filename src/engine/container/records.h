// All container records: rows in the database, and immutable views of them in memory that reading
// needs no lock of anybody's operation for.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "engine/container/record.h"
#include "platform/base/mutex.h"
#include "state/store/store.h"

namespace container {

// Thread-safe. Changes happen inside writer closures; views appear when their batch is committed,
// so nobody sees what could still be lost.
class Records {
 public:
  // Reads every row. Error kDataLoss names the row that cannot be read.
  explicit Records(store::Store& store);

  // Full id, exact name (with or without slash), unique id prefix. kNotFound "No such container:
  // x"; kInvalidArgument when a prefix fits several.
  View get(const std::string& reference) const EXCLUDES(mutex_);
  View find(const std::string& reference) const EXCLUDES(mutex_);  // null instead of kNotFound
  std::vector<View> all() const EXCLUDES(mutex_);                  // newest first
  size_t size() const EXCLUDES(mutex_);

  // Inside a writer closure. A name that is taken: Error kConflict in Docker's words.
  void insert(store::Transaction& transaction, Record record);
  void update(store::Transaction& transaction, Record record);
  void remove(store::Transaction& transaction, const std::string& id);

 private:
  void publish(View view) EXCLUDES(mutex_);
  void forget(const std::string& id) EXCLUDES(mutex_);

  mutable base::Mutex mutex_;
  std::map<std::string, View> by_id_ GUARDED_BY(mutex_);
  std::map<std::string, std::string> id_by_name_ GUARDED_BY(mutex_);
};

}  // namespace container
