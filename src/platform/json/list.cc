#include "platform/json/list.h"

namespace json {

void jsonRead(Reader& reader, Set& target) {
  const bool null = reader.peek() == Reader::Kind::kNull;
  if (null) target.clear();
  target.given = !null;
  if (!impl::startList(reader, Reader::Kind::kObject,
                       [] { return std::string("map[string]struct {}"); }))
    return;
  reader.beginObject();
  std::string_view key;
  while (reader.nextKey(key)) {
    target.emplace(key);
    if (impl::startList(reader, Reader::Kind::kObject, [] { return std::string("struct {}"); }))
      reader.skip();
  }
}

void jsonWrite(Writer& writer, const Set& value) {
  if (value.isNil()) return writer.nilMap();
  writer.beginObject();
  for (const std::string& name : value) {
    writer.key(name);
    writer.emptyStruct();
  }
  writer.endObject();
}

JSON_TYPE(List<std::string>);
JSON_TYPE(Map<std::string>);
JSON_TYPE(Set);
JSON_TYPE(std::vector<std::vector<std::string>>);
JSON_TYPE(List<std::vector<std::string>>);

}  // namespace json
