// For fuzz targets of types that travel as JSON.
#pragma once

#include <cstdlib>
#include <string>
#include <string_view>

#include "platform/base/error.h"
#include "platform/json/json.h"

namespace json::fuzz {

// What is read is written so that it reads as the same.
template <class T>
void roundTrip(std::string_view text) {
  std::string once;
  try {
    once = json::write(json::parse<T>(text));
  } catch (const base::Error&) {
    return;
  }
  if (json::write(json::parse<T>(once)) != once) std::abort();
}

}  // namespace json::fuzz
