#include "api/dockerapi/str_slice.h"

namespace dockerapi {

void jsonRead(json::Reader& reader, StrSlice& target) {
  if (reader.peek() == json::Reader::Kind::kString) {
    target.resize(1);
    target.given = true;
    reader.readString(target[0]);
    return;
  }
  json::Codec<json::List<std::string>>::ops().read(reader,
                                                   static_cast<json::List<std::string>*>(&target));
}

void jsonWrite(json::Writer& writer, const StrSlice& value) {
  json::Codec<json::List<std::string>>::ops().write(
      writer, static_cast<const json::List<std::string>*>(&value));
}

}  // namespace dockerapi

JSON_TYPE(dockerapi::StrSlice);
