#include "engine/container/records.h"

#include <algorithm>

#include "platform/base/error.h"
#include "platform/base/log.h"

namespace container {
namespace {

const store::Schema kSchema{"containers",
                            {"CREATE TABLE container (id TEXT PRIMARY KEY, name TEXT NOT NULL "
                             "UNIQUE, record TEXT NOT NULL) "
                             "WITHOUT ROWID"}};

std::string_view withoutSlash(std::string_view name) {
  if (name.starts_with('/')) name.remove_prefix(1);
  return name;
}

}  // namespace

Records::Records(store::Store& store) {
  store.ensure(kSchema);
  store.read([&](store::Reader& reader) {
    reader.query("SELECT id, record FROM container", {}, [&](const store::Row& row) {
      const std::string id = row.text(0);
      try {
        Record record = decode(row.text(1));
        if (record.id != id)
          base::fail(base::Code::kDataLoss, "it is of container \"{}\"", record.id);
        publish(std::make_shared<const Record>(std::move(record)));
      } catch (const base::Error& error) {
        base::log::error(
            "a container is not served: its record in state.db is damaged; repair the row or "
            "delete it, then start the daemon again",
            {{"container", id}, {"error", error.message()}});
      }
    });
  });
}

View Records::find(const std::string& reference) const {
  base::Lock lock(mutex_);
  if (const auto exact = by_id_.find(reference); exact != by_id_.end()) return exact->second;
  if (const auto named = id_by_name_.find(std::string(withoutSlash(reference)));
      named != id_by_name_.end()) {
    return by_id_.at(named->second);
  }
  const auto first = reference.empty() ? by_id_.end() : by_id_.lower_bound(reference);
  if (first == by_id_.end() || !first->first.starts_with(reference)) return nullptr;
  if (const auto second = std::next(first);
      second != by_id_.end() && second->first.starts_with(reference)) {
    base::fail(base::Code::kInvalidArgument, "multiple IDs found with provided prefix: {}",
               reference);
  }
  return first->second;
}

View Records::get(const std::string& reference) const {
  if (View view = find(reference)) return view;
  base::fail(base::Code::kNotFound, "No such container: {}", reference);
}

std::vector<View> Records::all() const {
  std::vector<View> views;
  {
    base::Lock lock(mutex_);
    views.reserve(by_id_.size());
    for (const auto& [id, view] : by_id_) views.push_back(view);
  }
  std::sort(views.begin(), views.end(),
            [](const View& a, const View& b) { return a->created > b->created; });
  return views;
}

size_t Records::size() const {
  base::Lock lock(mutex_);
  return by_id_.size();
}

void Records::insert(store::Transaction& transaction, Record record) {
  if (const auto owner =
          transaction.text("SELECT id FROM container WHERE name = ?", {record.name})) {
    base::fail(base::Code::kConflict,
               "Conflict. The container name \"/{}\" is already in use by container \"{}\". You "
               "have to remove (or rename) that "
               "container to be able to reuse that name.",
               record.name, *owner);
  }
  transaction.run("INSERT INTO container (id, name, record) VALUES (?, ?, ?)",
                  {record.id, record.name, encode(record)});
  transaction.afterCommit(
      [this, view = std::make_shared<const Record>(std::move(record))] { publish(view); });
}

void Records::update(store::Transaction& transaction, Record record) {
  if (const auto owner = transaction.text("SELECT id FROM container WHERE name = ? AND id != ?",
                                          {record.name, record.id})) {
    base::fail(base::Code::kConflict,
               "Conflict. The container name \"/{}\" is already in use by container \"{}\". You "
               "have to remove (or rename) that "
               "container to be able to reuse that name.",
               record.name, *owner);
  }
  const int rows = transaction.run("UPDATE container SET name = ?, record = ? WHERE id = ?",
                                   {record.name, encode(record), record.id});
  if (rows == 0) base::fail(base::Code::kNotFound, "No such container: {}", record.id);
  transaction.afterCommit(
      [this, view = std::make_shared<const Record>(std::move(record))] { publish(view); });
}

void Records::remove(store::Transaction& transaction, const std::string& id) {
  transaction.run("DELETE FROM container WHERE id = ?", {id});
  transaction.afterCommit([this, id] { forget(id); });
}

void Records::publish(View view) {
  base::Lock lock(mutex_);
  if (const auto old = by_id_.find(view->id);
      old != by_id_.end() && old->second->name != view->name) {
    // The old name may be another container's by now: only its own entry goes.
    const auto named = id_by_name_.find(old->second->name);
    if (named != id_by_name_.end() && named->second == view->id) id_by_name_.erase(named);
  }
  id_by_name_[view->name] = view->id;
  by_id_[view->id] = std::move(view);
}

void Records::forget(const std::string& id) {
  base::Lock lock(mutex_);
  const auto found = by_id_.find(id);
  if (found == by_id_.end()) return;
  const auto named = id_by_name_.find(found->second->name);
  if (named != id_by_name_.end() && named->second == id) id_by_name_.erase(named);
  by_id_.erase(found);
}

}  // namespace container
