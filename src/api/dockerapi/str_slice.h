// Small types of the API that JSON treats in a way of its own.
#pragma once

#include <array>

#include "platform/json/list.h"

namespace dockerapi {

// Cmd, Entrypoint: a list that a client may also give as one string, which is then its only
// element.
struct StrSlice : json::List<std::string> {
  using json::List<std::string>::List;
  StrSlice() = default;
  StrSlice(json::List<std::string> list) : json::List<std::string>(std::move(list)) {}
};
void jsonRead(json::Reader& reader, StrSlice& target);
void jsonWrite(json::Writer& writer, const StrSlice& value);
inline bool jsonEmpty(const StrSlice& value) {
  return value.empty();
}

using ConsoleSize = std::array<unsigned, 2>;  // {height, width}

}  // namespace dockerapi

JSON_TYPE_EXTERN(dockerapi::StrSlice);
