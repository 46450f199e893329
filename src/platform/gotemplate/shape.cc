#include "platform/gotemplate/shape.h"

#include <algorithm>

#include "platform/gotemplate/compound.h"

namespace gotemplate {

// Apart, to be Data's friend: flags and compounds are kept as they are.
class Reshaper {
 public:
  explicit Reshaper(const Shapes& shapes) : shapes_(shapes) {}

  Data all(const Data& data);

 private:
  using Members = std::vector<Data::Member>;

  void shape(Members& members, const Shape& shape);
  static Data typed(const Data& value, const StructType* type) {
    return value.kind() == Data::Kind::kMap ? value.withKeyType(type) : value.withType(type);
  }

  const Shapes& shapes_;
};

namespace {

bool holds(const std::vector<const char*>& names, std::string_view name) {
  return std::any_of(names.begin(), names.end(), [&](const char* each) { return name == each; });
}

std::vector<Data::Member> ordered(std::vector<Data::Member> members,
                                  const std::vector<const char*>& order) {
  std::vector<Data::Member> out;
  for (const char* name : order) {
    for (Data::Member& member : members) {
      if (member.name == name) out.push_back(std::move(member));
    }
  }
  return out;
}

void embed(std::vector<Data::Member>& members, const Shape::Embedded& embedded) {
  const auto at = [&](const char* name) {
    return std::find_if(members.begin(), members.end(), [&](const Data::Member& member) {
      return (member.jsonName.empty() ? member.name : member.jsonName) == name;
    });
  };
  const auto first = at(embedded.first), last = at(embedded.last);
  if (first == members.end() || last == members.end()) return;
  Data inner = Data::structure({first, last + 1});
  const auto place = members.erase(first, last + 1);
  members.insert(place, {embedded.go, std::move(inner), false, true});
}

}  // namespace

void Reshaper::shape(Members& members, const Shape& shape) {
  if (!shape.order.empty()) members = ordered(std::move(members), shape.order);
  for (Data::Member& member : members) {
    const std::string json = member.name;
    if (shape.omitEmpty) member.omitted = !member.value.truth();
    if (holds(shape.times, json) && member.value.kind() == Data::Kind::kString)
      member.value = Data::time(member.value.text());
    if (holds(shape.nilLists, json) && member.value.isNil()) member.value = Data::list({}, true);
    if (holds(shape.nilMaps, json) && member.value.isNil()) member.value = Data::map({}, true);
    for (const Shape::Typed& type : shape.types) {
      if (json == type.member) member.value = typed(member.value, type.type);
    }
    for (const Shape::Name& name : shape.names) {
      if (json != name.json) continue;
      member.jsonName = json;
      member.name = name.go;
    }
  }
  for (const Shape::Embedded& embedded : shape.embedded) embed(members, embedded);
}

Data Reshaper::all(const Data& data) {
  if (data.isInterface() || data.isNil() || !data.compound_) return data;
  auto compound = std::make_shared<Data::Compound>(*data.compound_);
  for (Data& element : compound->elements) element = all(element);
  for (Data::Member& member : compound->members) member.value = all(member.value);
  if (data.kind() == Data::Kind::kStruct) {
    if (const auto found = shapes_.find(compound->name); found != shapes_.end()) {
      shape(compound->members, found->second);
      if (found->second.methods) compound->type = found->second.methods;
      if (found->second.typeName) compound->name = found->second.typeName;
    }
  }
  Data out = data;
  out.compound_ = std::move(compound);
  return out;
}

Data reshape(const Data& data, const Shapes& shapes) {
  return Reshaper(shapes).all(data);
}

}  // namespace gotemplate
