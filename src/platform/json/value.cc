#include "platform/json/value.h"

#include <algorithm>
#include <charconv>
#include <numeric>

#include "platform/base/error.h"
#include "platform/json/json_impl.h"

namespace json {

namespace {

const Value kNullValue;

[[noreturn]] void wrongType(std::string_view wanted) {
  base::fail(base::Code::kInvalidArgument, "json: value is not {}", wanted);
}

// A later member of the same name replaces the earlier one, which keeps its place.
void dropDuplicates(Value::Object& object) {
  if (object.size() < 2) return;
  std::vector<size_t> order(object.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return object[a].name < object[b].name; });
  std::vector<bool> drop(object.size());
  bool any = false;
  for (size_t i = 0; i < order.size();) {
    size_t last = i;
    while (last + 1 < order.size() && object[order[last + 1]].name == object[order[i]].name) ++last;
    if (last > i) {
      object[order[i]].value = std::move(object[order[last]].value);
      for (size_t j = i + 1; j <= last; ++j) drop[order[j]] = any = true;
    }
    i = last + 1;
  }
  if (!any) return;
  size_t kept = 0;
  for (size_t i = 0; i < object.size(); ++i) {
    if (drop[i]) continue;
    if (kept != i) object[kept] = std::move(object[i]);
    ++kept;
  }
  object.resize(kept);
}

}  // namespace

Value::Value() noexcept = default;
Value::Value(const Value&) = default;
Value::Value(Value&&) noexcept = default;
Value& Value::operator=(const Value&) = default;
Value& Value::operator=(Value&&) noexcept = default;
Value::~Value() = default;
Value::Value(bool value) : data_(value) {}
Value::Value(int value) : Value(static_cast<std::int64_t>(value)) {}
Value::Value(unsigned value) : Value(static_cast<std::uint64_t>(value)) {}
Value::Value(std::string value) : data_(std::move(value)) {}
Value::Value(std::string_view value) : data_(std::string(value)) {}
Value::Value(const char* value) : data_(std::string(value)) {}
Value::Value(Array value) : data_(std::move(value)) {}
Value Value::array(Array value) {
  return Value(std::move(value));
}
Value::Value(std::int64_t value) : data_(Number{std::to_string(value)}) {}
Value::Value(std::uint64_t value) : data_(Number{std::to_string(value)}) {}
Value::Value(double value) {
  std::string text;
  Writer(text).number(value);
  data_ = Number{std::move(text)};
}
Value::Value(Object value) : data_(std::move(value)) {
  dropDuplicates(asObject());
}
Value::Value(std::initializer_list<Member> members) : Value(Object(members)) {}
Value Value::object() {
  return Value(Object());
}

Value Value::number(std::string text) {
  Reader reader(text);
  if (reader.peek() != Reader::Kind::kNumber) wrongType("a number");
  reader.skip();
  reader.finish();
  Value value;
  value.data_ = Number{std::move(text)};
  return value;
}

bool Value::asBool() const {
  if (const bool* value = std::get_if<bool>(&data_)) return *value;
  wrongType("a bool");
}

const std::string& Value::asString() const {
  if (const auto* value = std::get_if<std::string>(&data_)) return *value;
  wrongType("a string");
}

const std::string& Value::numberText() const {
  if (const auto* value = std::get_if<Number>(&data_)) return value->text;
  wrongType("a number");
}

std::optional<std::int64_t> Value::tryInt() const {
  const auto* number = std::get_if<Number>(&data_);
  if (!number) return std::nullopt;
  std::int64_t value = 0;
  const char* const end = number->text.data() + number->text.size();
  const auto [at, error] = std::from_chars(number->text.data(), end, value);
  if (error != std::errc() || at != end) return std::nullopt;
  return value;
}

std::int64_t Value::asInt() const {
  if (const auto value = tryInt()) return *value;
  wrongType("a 64-bit integer");
}

double Value::asDouble() const {
  const std::string& text = numberText();
  double value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

const Value::Array& Value::asArray() const {
  if (const auto* value = std::get_if<Array>(&data_)) return *value;
  wrongType("an array");
}

Value::Array& Value::asArray() {
  return const_cast<Array&>(std::as_const(*this).asArray());
}

const Value::Object& Value::asObject() const {
  if (const auto* value = std::get_if<Object>(&data_)) return *value;
  wrongType("an object");
}

Value::Object& Value::asObject() {
  return const_cast<Object&>(std::as_const(*this).asObject());
}

const Value* Value::find(std::string_view name) const {
  if (const auto* object = std::get_if<Object>(&data_))
    for (const Member& member : *object)
      if (member.name == name) return &member.value;
  return nullptr;
}

Value* Value::find(std::string_view name) {
  return const_cast<Value*>(std::as_const(*this).find(name));
}

const Value& Value::operator[](std::string_view name) const {
  const Value* value = find(name);
  return value ? *value : kNullValue;
}

Value& Value::set(std::string_view name, Value value) {
  if (isNull()) data_ = Object();
  if (Value* old = find(name)) return *old = std::move(value);
  asObject().push_back({std::string(name), std::move(value)});
  return asObject().back().value;
}

bool Value::erase(std::string_view name) {
  auto* object = std::get_if<Object>(&data_);
  if (!object) return false;
  return std::erase_if(*object, [&](const Member& member) { return member.name == name; }) > 0;
}

size_t Value::size() const noexcept {
  if (const auto* array = std::get_if<Array>(&data_)) return array->size();
  if (const auto* object = std::get_if<Object>(&data_)) return object->size();
  return 0;
}

bool Value::operator==(const Value& other) const {
  return data_ == other.data_;
}

Value Value::parse(std::string_view text, const ReadOptions& options) {
  Reader reader(text, options);
  Value value;
  jsonRead(reader, value);
  reader.finish();
  return value;
}

std::string Value::write(const WriteOptions& options) const {
  return json::write(*this, options);
}

void jsonRead(Reader& reader, Value& target) {
  switch (reader.peek()) {
    case Reader::Kind::kNull:
      reader.skip();
      target = Value();
      break;
    case Reader::Kind::kBool: {
      bool value = false;
      reader.readBool(value);
      target = value;
      break;
    }
    case Reader::Kind::kNumber:
      target = Value::number(reader.readNumber());
      break;
    case Reader::Kind::kString: {
      std::string value;
      reader.readString(value);
      target = std::move(value);
      break;
    }
    case Reader::Kind::kArray: {
      Value::Array array;
      reader.beginArray();
      while (reader.nextElement()) jsonRead(reader, array.emplace_back());
      target = std::move(array);
      break;
    }
    case Reader::Kind::kObject: {
      Value::Object object;
      std::string_view key;
      reader.beginObject();
      while (reader.nextKey(key)) {
        object.push_back({std::string(key), Value()});
        jsonRead(reader, object.back().value);
      }
      target = std::move(object);
      break;
    }
  }
}

void jsonWrite(Writer& writer, const Value& value) {
  switch (value.type()) {
    case Value::Type::kNull:
      return writer.null();
    case Value::Type::kBool:
      return writer.boolean(value.asBool());
    case Value::Type::kNumber:
      return writer.raw(value.numberText());
    case Value::Type::kString:
      return writer.string(value.asString());
    case Value::Type::kArray:
      writer.beginArray();
      for (const Value& element : value.asArray()) {
        writer.element();
        jsonWrite(writer, element);
      }
      return writer.endArray();
    case Value::Type::kObject:
      writer.beginObject();
      for (const Value::Member& member : value.asObject()) {
        writer.key(member.name);
        jsonWrite(writer, member.value);
      }
      return writer.endObject();
  }
}

void jsonRead(Reader& reader, Raw& target) {
  target.text = reader.raw();
}

void jsonWrite(Writer& writer, const Raw& value) {
  writer.raw(value.text);
}

}  // namespace json
