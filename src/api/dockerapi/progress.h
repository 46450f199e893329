// The message stream of pull, push, load, import and build: one JSON object a line, each ended by
// "\r\n".
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "platform/json/list.h"

namespace dockerapi {

struct ProgressDetail {
  std::int64_t current = 0;
  std::int64_t total = 0;
  std::int64_t start = 0;
  bool hideCounts = false;
  std::string units;
};

struct ProgressError {
  int code = 0;
  std::string message;
};

struct ProgressMessage {
  std::string stream;
  std::string status;
  std::optional<ProgressDetail> progressDetail;  // {} with pure actions
  std::string progress;                          // the bar as text
  std::string id;
  std::string from;
  std::int64_t time = 0;
  std::int64_t timeNano = 0;
  std::optional<ProgressError> errorDetail;
  std::string error;  // errorDetail.message again
  json::Raw aux;
};

}  // namespace dockerapi

JSON_TYPE_EXTERN(dockerapi::ProgressDetail);
JSON_TYPE_EXTERN(dockerapi::ProgressError);
JSON_TYPE_EXTERN(dockerapi::ProgressMessage);
