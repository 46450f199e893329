#include "engine/container/core.h"

#include "state/events/bounds.h"

namespace container {

events::Event containerEvent(const Record& record, std::string action,
                             const std::map<std::string, std::string>& extra) {
  events::Event event;
  event.type = "container";
  event.action = std::move(action);
  event.actorId = record.id;
  events::addLabels(event, record.config.labels);
  event.attributes["image"] = record.imageName;
  event.attributes["name"] = record.name;
  for (const auto& [key, value] : extra) event.attributes[key] = value;
  return event;
}

void changeRecord(Core& core, store::Durability durability, const std::string& id,
                  const std::function<void(Record&)>& change,
                  const std::function<void(store::Transaction&, const Record&)>& alongside) {
  Record record = *core.records.get(id);
  change(record);
  core.store.write(durability, [&](store::Transaction& transaction) {
    if (alongside) alongside(transaction, record);
    core.records.update(transaction, record);
  });
}

}  // namespace container
