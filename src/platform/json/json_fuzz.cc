// What is read must be writable, and what is written must read back the same.
#include <cstdlib>

#include "platform/json/json.h"

namespace {
struct Item {
  std::string name;
  std::optional<std::int64_t> size;
  std::vector<Item> items;
  std::map<std::string, std::vector<std::string>> tags;
  std::array<double, 2> pair = {};
  json::Value value;
  json::Raw raw;
  json::Extra rest;
};
constexpr auto jsonFields(const Item*) {
  return json::fields(json::field("name", &Item::name), json::field("size", &Item::size),
                      json::field("items", &Item::items), json::field("tags", &Item::tags),
                      json::field("pair", &Item::pair), json::field("value", &Item::value),
                      json::field("raw", &Item::raw), json::rest(&Item::rest));
}

void require(bool condition) {
  if (!condition) std::abort();
}
}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  bool valid = false;
  try {
    const auto value = json::Value::parse(text);
    valid = true;
    const std::string once = value.write();
    require(json::Value::parse(once) == value);
    require(json::compact(json::indent(once, "", "  ")) == once);
  } catch (const base::Error&) {
    require(!valid);
  }
  std::string once;
  try {
    once = json::write(json::parse<Item>(text));
  } catch (const base::Error&) {
  }
  if (!once.empty()) require(json::write(json::parse<Item>(once)) == once);

  json::Splitter splitter;
  for (size_t i = 0; i < size; i += 7) {
    splitter.push(text.substr(i, 7));
    while (splitter.next()) {
    }
  }
  return 0;
}
