#include "api/dockerapi/progress.h"

namespace dockerapi {

// Order, names and null rules are those of Docker Engine 28.5.
constexpr auto jsonFields(const ProgressDetail*) {
  return json::fields(json::goName("jsonmessage.JSONProgress"),
                      json::field("current", &ProgressDetail::current, json::kOmitEmpty),
                      json::field("total", &ProgressDetail::total, json::kOmitEmpty),
                      json::field("start", &ProgressDetail::start, json::kOmitEmpty),
                      json::field("hidecounts", &ProgressDetail::hideCounts, json::kOmitEmpty),
                      json::field("units", &ProgressDetail::units, json::kOmitEmpty));
}

constexpr auto jsonFields(const ProgressError*) {
  return json::fields(json::goName("jsonmessage.JSONError"),
                      json::field("code", &ProgressError::code, json::kOmitEmpty),
                      json::field("message", &ProgressError::message, json::kOmitEmpty));
}

constexpr auto jsonFields(const ProgressMessage*) {
  return json::fields(
      json::goName("jsonmessage.JSONMessage"),
      json::field("stream", &ProgressMessage::stream, json::kOmitEmpty),
      json::field("status", &ProgressMessage::status, json::kOmitEmpty),
      json::field("progressDetail", &ProgressMessage::progressDetail, json::kOmitEmpty),
      json::field("progress", &ProgressMessage::progress, json::kOmitEmpty),
      json::field("id", &ProgressMessage::id, json::kOmitEmpty),
      json::field("from", &ProgressMessage::from, json::kOmitEmpty),
      json::field("time", &ProgressMessage::time, json::kOmitEmpty),
      json::field("timeNano", &ProgressMessage::timeNano, json::kOmitEmpty),
      json::field("errorDetail", &ProgressMessage::errorDetail, json::kOmitEmpty),
      json::field("error", &ProgressMessage::error, json::kOmitEmpty),
      json::field("aux", &ProgressMessage::aux, json::kOmitEmpty));
}

}  // namespace dockerapi

JSON_TYPE(dockerapi::ProgressDetail);
JSON_TYPE(dockerapi::ProgressError);
JSON_TYPE(dockerapi::ProgressMessage);
