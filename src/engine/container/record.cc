#include "engine/container/record.h"

#include "platform/json/json.h"

namespace container {

constexpr auto jsonEnum(const Status*) {
  return json::names<Status>({{Status::kCreated, "created"},
                              {Status::kRunning, "running"},
                              {Status::kPaused, "paused"},
                              {Status::kRestarting, "restarting"},
                              {Status::kRemoving, "removing"},
                              {Status::kExited, "exited"},
                              {Status::kDead, "dead"}});
}

constexpr auto jsonFields(const MountRecord*) {
  using M = MountRecord;
  return json::fields(
      json::field("type", &M::type), json::field("name", &M::name, json::kOmitEmpty),
      json::field("source", &M::source, json::kOmitEmpty),
      json::field("destination", &M::destination),
      json::field("driver", &M::driver, json::kOmitEmpty),
      json::field("mode", &M::mode, json::kOmitEmpty),
      json::field("propagation", &M::propagation, json::kOmitEmpty),
      json::field("subpath", &M::subpath, json::kOmitEmpty),
      json::field("tmpfsOptions", &M::tmpfsOptions, json::kOmitEmpty),
      json::field("rw", &M::readWrite), json::field("recursive", &M::recursive),
      json::field("noCopy", &M::noCopy, json::kOmitEmpty),
      json::field("createSource", &M::createSource, json::kOmitEmpty),
      json::field("readOnlyNonRecursive", &M::readOnlyNonRecursive, json::kOmitEmpty),
      json::field("readOnlyForceRecursive", &M::readOnlyForceRecursive, json::kOmitEmpty),
      json::field("fromMounts", &M::fromMounts, json::kOmitEmpty),
      json::field("anonymous", &M::anonymous, json::kOmitEmpty));
}

constexpr auto jsonFields(const State*) {
  return json::fields(
      json::field("status", &State::status), json::field("pid", &State::pid, json::kOmitEmpty),
      json::field("exitCode", &State::exitCode),
      json::field("error", &State::error, json::kOmitEmpty),
      json::field("oomKilled", &State::oomKilled, json::kOmitEmpty),
      json::field("startedAt", &State::startedAt), json::field("finishedAt", &State::finishedAt),
      json::field("restartCount", &State::restartCount),
      json::field("restartDelayNs", &State::restartDelayNs),
      json::field("stoppedByUser", &State::stoppedByUser),
      json::field("restartCancelled", &State::restartCancelled, json::kOmitEmpty),
      json::field("bootId", &State::bootId));
}

constexpr auto jsonFields(const Record*) {
  return json::fields(
      json::field("id", &Record::id), json::field("name", &Record::name),
      json::field("owner", &Record::owner), json::field("created", &Record::created),
      json::field("path", &Record::path), json::field("args", &Record::args),
      json::field("config", &Record::config), json::field("hostConfig", &Record::hostConfig),
      json::field("networks", &Record::networks), json::field("imageId", &Record::imageId),
      json::field("imageName", &Record::imageName), json::field("layers", &Record::layers),
      json::field("mounts", &Record::mounts), json::field("storageDriver", &Record::storageDriver),
      json::field("updating", &Record::updating, json::kOmitEmpty),
      json::field("state", &Record::state));
}

std::string_view statusName(Status status) noexcept {
  for (const auto& [value, name] : jsonEnum(static_cast<const Status*>(nullptr)).names) {
    if (value == status) return name;
  }
  return "";
}

std::string encode(const Record& record) {
  return json::write(record);
}
Record decode(const std::string& text) {
  return json::parse<Record>(text);
}

}  // namespace container

JSON_TYPE(container::MountRecord);
JSON_TYPE(container::State);
JSON_TYPE(container::Record);
