#include "platform/gotemplate/data.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "platform/base/error.h"
#include "platform/base/time.h"
#include "platform/gotemplate/compound.h"
#include "platform/gotemplate/printf.h"

namespace gotemplate {

Data::Data(bool value) : kind_(Kind::kBool), int_(value) {}
Data::Data(std::int64_t value) : kind_(Kind::kInt), int_(value), text_(std::to_string(value)) {}
Data::Data(double value) : kind_(Kind::kFloat) {
  json::Writer(text_).number(value);
}
Data::Data(std::string value) : kind_(Kind::kString), text_(std::move(value)) {}

Data Data::nil() {
  Data data;
  data.kind_ = Kind::kNil;
  return data;
}

Data Data::time(std::string rfc3339) {
  Data data;
  data.kind_ = Kind::kStruct;
  data.time_ = true;
  data.text_ = std::move(rfc3339);
  return data;
}

Data Data::withType(const StructType* type) const {
  auto compound = compound_ ? std::make_shared<Compound>(*compound_) : std::make_shared<Compound>();
  compound->type = type;
  Data data = *this;
  data.compound_ = std::move(compound);
  return data;
}

Data Data::withKeyType(const StructType* type) const {
  auto compound = compound_ ? std::make_shared<Compound>(*compound_) : std::make_shared<Compound>();
  compound->keyType = type;
  Data data = *this;
  data.compound_ = std::move(compound);
  return data;
}

Data Data::keyOf(const Member& member) const {
  const Data key(member.name);
  return compound_ && compound_->keyType ? key.withType(compound_->keyType) : key;
}

Data Data::list(std::vector<Data> elements, bool isNil) {
  auto compound = std::make_shared<Compound>();
  compound->elements = std::move(elements);
  compound->nil = isNil;
  Data data;
  data.kind_ = Kind::kList;
  data.compound_ = std::move(compound);
  return data;
}

Data Data::map(std::vector<Member> members, const StructType* type) {
  Data data = map(std::move(members), false);
  auto compound = std::make_shared<Compound>(*data.compound_);
  compound->type = type;
  data.compound_ = std::move(compound);
  return data;
}

Data Data::map(std::vector<Member> members, bool isNil) {
  std::sort(members.begin(), members.end(),
            [](const Member& a, const Member& b) { return a.name < b.name; });
  auto compound = std::make_shared<Compound>();
  compound->members = std::move(members);
  compound->nil = isNil;
  Data data;
  data.kind_ = Kind::kMap;
  data.compound_ = std::move(compound);
  return data;
}

Data Data::structure(std::vector<Member> members, const StructType* type) {
  auto compound = std::make_shared<Compound>();
  compound->members = std::move(members);
  compound->type = type;
  Data data;
  data.kind_ = Kind::kStruct;
  data.compound_ = std::move(compound);
  return data;
}

Data Data::number(std::string text) {
  Data data;
  const char* const end = text.data() + text.size();
  const auto [at, error] = std::from_chars(text.data(), end, data.int_);
  if (error == std::errc::result_out_of_range) data.int_ = text[0] == '-' ? INT64_MIN : INT64_MAX;
  data.kind_ = at == end ? Kind::kInt : Kind::kFloat;
  if (data.kind_ == Kind::kFloat) data.int_ = 0;
  data.text_ = std::move(text);
  return data;
}

Data Data::fromJson(const json::Value& value) {
  Data data;
  switch (value.type()) {
    case json::Value::Type::kNull:
      data.kind_ = Kind::kNull;
      break;
    case json::Value::Type::kBool:
      data = Data(value.asBool());
      break;
    case json::Value::Type::kNumber:
      data = number(value.numberText());
      break;
    case json::Value::Type::kString:
      data = Data(value.asString());
      break;
    case json::Value::Type::kArray: {
      std::vector<Data> elements;
      for (const json::Value& element : value.asArray()) elements.push_back(fromJson(element));
      data = list(std::move(elements));
      break;
    }
    case json::Value::Type::kObject: {
      std::vector<Member> members;
      for (const auto& [name, member] : value.asObject())
        members.push_back({name, fromJson(member)});
      data = map(std::move(members));
      break;
    }
  }
  data.interface_ = true;
  return data;
}

Data Data::parse(std::string_view json) {
  return fromJson(json::Value::parse(json));
}

double Data::asFloat() const noexcept {
  double value = 0;
  std::from_chars(text_.data(), text_.data() + text_.size(), value);
  return value;
}

bool Data::isNil() const noexcept {
  return kind_ == Kind::kNull || kind_ == Kind::kNil || (compound_ && compound_->nil);
}

bool Data::truth() const noexcept {
  switch (kind_) {
    case Kind::kNone:
    case Kind::kNull:
    case Kind::kNil:
      return false;
    case Kind::kBool:
      return asBool();
    case Kind::kInt:
      return int_ != 0;
    case Kind::kFloat:
      return asFloat() != 0;
    case Kind::kStruct:
      return true;
    default:
      return size() > 0;
  }
}

std::span<const Data> Data::elements() const noexcept {
  return compound_ ? std::span<const Data>(compound_->elements) : std::span<const Data>();
}

std::span<const Data::Member> Data::members() const noexcept {
  return compound_ ? std::span<const Member>(compound_->members) : std::span<const Member>();
}

const Data* Data::find(std::string_view name) const noexcept {
  for (const Member& member : members())
    if (member.name == name) return &member.value;
  for (const Member& member : members()) {
    if (!member.embedded) continue;
    if (const Data* found = member.value.find(name)) return found;
  }
  return nullptr;
}

const StructType* Data::structType() const noexcept {
  return compound_ ? compound_->type : nullptr;
}

size_t Data::size() const noexcept {
  if (kind_ == Kind::kString) return text_.size();
  return kind_ == Kind::kList ? elements().size() : members().size();
}

std::string Data::goType() const {
  switch (kind_) {
    case Kind::kNone:
      return "nil";
    case Kind::kNull:
      return "interface {}";
    case Kind::kNil:
      return "*nil";
    case Kind::kBool:
      return "bool";
    case Kind::kInt:
      return interface_ ? "json.Number" : "int";
    case Kind::kFloat:
      return interface_ ? "json.Number" : "float64";
    case Kind::kString:
      return structType() ? structType()->name : "string";
    case Kind::kList:
      if (interface_) return "[]interface {}";
      return "[]" + (elements().empty() ? std::string("string") : elements().front().goType());
    case Kind::kMap:
      if (interface_) return "map[string]interface {}";
      return "map[string]" +
             (members().empty() ? std::string("string") : members().front().value.goType());
    case Kind::kStruct:
      if (time_) return "time.Time";
      return compound_->type ? compound_->type->name : compound_->name;
  }
  return "";
}

namespace {

// time.Time's own text of an instant: "2006-01-02 15:04:05.123 +0000 UTC".
std::string timeText(std::string text) {
  const size_t date = text.find('T');
  if (date == text.npos) return text;
  text[date] = ' ';
  if (text.ends_with('Z')) return text.substr(0, text.size() - 1) + " +0000 UTC";
  const size_t sign = text.find_last_of("+-");
  std::string zone = text.substr(sign);
  std::erase(zone, ':');
  return fmt::format("{} {} {}", text.substr(0, sign), zone, zone);
}

}  // namespace

std::string Data::print() const {
  std::string out;
  print(out, true);
  return out;
}

void Data::print(std::string& out, bool top) const {
  switch (kind_) {
    case Kind::kNone:
      out += top ? "<no value>" : "<nil>";
      break;
    case Kind::kNull:
    case Kind::kNil:
      out += "<nil>";
      break;
    case Kind::kBool:
      out += asBool() ? "true" : "false";
      break;
    case Kind::kInt:
      out += duration_ ? base::formatGoDuration(int_) : text_;
      break;
    case Kind::kString:
      out += text_;
      break;
    case Kind::kFloat:
      out += interface_ ? text_ : formatDouble(asFloat());
      break;
    case Kind::kList: {
      out += '[';
      bool first = true;
      for (const Data& element : elements()) {
        if (!std::exchange(first, false)) out += ' ';
        element.print(out, false);
      }
      out += ']';
      break;
    }
    case Kind::kMap:
    case Kind::kStruct: {
      if (time_) {
        out += timeText(text_);
        break;
      }
      const bool isMap = kind_ == Kind::kMap;
      out += isMap ? "map[" : "{";
      bool first = true;
      for (const Member& member : members()) {
        if (!std::exchange(first, false)) out += ' ';
        if (isMap) out += member.name + ":";
        member.value.print(out, false);
      }
      out += isMap ? ']' : '}';
      break;
    }
  }
}

std::string Data::json() const {
  std::string out;
  json::Writer writer(out);
  writeJson(writer);
  return out;
}

void Data::writeJson(json::Writer& writer) const {
  switch (kind_) {
    case Kind::kNone:
    case Kind::kNull:
    case Kind::kNil:
      return writer.null();
    case Kind::kBool:
      return writer.boolean(asBool());
    case Kind::kInt:
    case Kind::kFloat:
      return writer.raw(text_);
    case Kind::kString:
      return writer.string(text_);
    case Kind::kList:
      if (compound_->nil) return writer.null();
      writer.beginArray();
      for (const Data& element : elements()) {
        writer.element();
        element.writeJson(writer);
      }
      return writer.endArray();
    case Kind::kMap:
    case Kind::kStruct:
      if (time_) return writer.string(text_);
      if (compound_->nil) return writer.null();
      writer.beginObject();
      writeMembers(writer);
      return writer.endObject();
  }
}

void Data::writeMembers(json::Writer& writer) const {
  for (const Member& member : members()) {
    if (member.omitted) continue;
    if (member.embedded) {
      member.value.writeMembers(writer);
      continue;
    }
    writer.key(member.jsonName.empty() ? member.name : member.jsonName);
    member.value.writeJson(writer);
  }
}

struct Builder::Frame {
  Data::Kind kind;
  std::string goName;
  json::Flags flags = json::kNone;  // of the member at hand
  std::vector<Data> elements;
  std::vector<Data::Member> members;
};

Builder::Builder() = default;
Builder::~Builder() = default;
Data Builder::take() {
  return std::move(result_);
}

void Builder::put(Data value) {
  if (frames_.empty()) {
    result_ = std::move(value);
  } else if (frames_.back().kind == Data::Kind::kList) {
    frames_.back().elements.push_back(std::move(value));
  } else {
    const json::Flags flags = frames_.back().flags;
    value.duration_ = (flags & json::kDuration) && value.kind_ == Data::Kind::kInt;
    value.named_keys_ = (flags & json::kNamedKeys) && value.kind_ == Data::Kind::kMap;
    frames_.back().members.back().value = std::move(value);
  }
}

void Builder::scalar(Kind kind, std::string_view text) {
  switch (kind) {
    case Kind::kNull:
      return put(Data::nil());
    case Kind::kNilList:
      return put(Data::list({}, true));
    case Kind::kNilMap:
      return put(Data::map({}, true));
    case Kind::kBool:
      return put(Data(text == "true"));
    case Kind::kInteger:
    case Kind::kFloat: {
      Data number = Data::number(std::string(text));
      if (kind == Kind::kFloat) number.kind_ = Data::Kind::kFloat;
      return put(std::move(number));
    }
    case Kind::kString:
      return put(Data(text));
  }
}

void Builder::raw(std::string_view json) {
  put(json.empty() ? Data::nil() : Data::parse(json));
}

void Builder::beginStruct(std::string_view goName) {
  frames_.push_back({Data::Kind::kStruct, std::string(goName), json::kNone, {}, {}});
}

void Builder::field(std::string_view name, bool omitted, json::Flags flags) {
  frames_.back().members.push_back({std::string(name), Data(), omitted});
  frames_.back().flags = flags;
}

void Builder::beginMap() {
  frames_.push_back({Data::Kind::kMap, {}, json::kNone, {}, {}});
}

void Builder::key(std::string_view name) {
  field(name, false, json::kNone);
}

void Builder::beginList() {
  frames_.push_back({Data::Kind::kList, {}, json::kNone, {}, {}});
}

void Builder::end() {
  Frame frame = std::move(frames_.back());
  frames_.pop_back();
  if (frame.kind == Data::Kind::kList) return put(Data::list(std::move(frame.elements)));
  if (frame.kind == Data::Kind::kMap) return put(Data::map(std::move(frame.members)));
  auto compound = std::make_shared<Data::Compound>();
  compound->members = std::move(frame.members);
  compound->name = std::move(frame.goName);
  Data data;
  data.kind_ = Data::Kind::kStruct;
  data.compound_ = std::move(compound);
  put(std::move(data));
}

}  // namespace gotemplate
