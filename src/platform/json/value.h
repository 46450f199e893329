// JSON of unknown shape: Value, a tree that keeps key order and the exact text of numbers; Raw, the
// text itself.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "platform/json/reader.h"
#include "platform/json/writer.h"

namespace json {

// Verbatim text of one value; empty: absent (written as null). Reading checks its syntax only.
struct Raw {
  std::string text;

  bool empty() const noexcept { return text.empty(); }
  bool operator==(const Raw&) const = default;
};
void jsonRead(Reader& reader, Raw& target);
void jsonWrite(Writer& writer, const Raw& value);
inline bool jsonEmpty(const Raw& value) {
  return value.empty();
}

class Value {
 public:
  enum class Type { kNull, kBool, kNumber, kString, kArray, kObject };
  struct Member;
  using Array = std::vector<Value>;
  using Object = std::vector<Member>;

  Value() noexcept;
  Value(const Value&);
  Value(Value&&) noexcept;
  Value& operator=(const Value&);
  Value& operator=(Value&&) noexcept;
  ~Value();
  Value(std::nullptr_t) noexcept : Value() {}
  Value(bool value);
  Value(int value);
  Value(unsigned value);
  Value(std::int64_t value);
  Value(std::uint64_t value);
  Value(double value);
  Value(std::string value);
  Value(std::string_view value);
  Value(const char* value);
  Value(Array value);
  Value(Object value);
  Value(std::initializer_list<Member> members);
  static Value array(Array value);
  static Value object();
  static Value number(std::string text);  // verbatim; must be a JSON number

  Type type() const noexcept { return static_cast<Type>(data_.index()); }
  bool isNull() const noexcept { return type() == Type::kNull; }
  bool isBool() const noexcept { return type() == Type::kBool; }
  bool isNumber() const noexcept { return type() == Type::kNumber; }
  bool isString() const noexcept { return type() == Type::kString; }
  bool isArray() const noexcept { return type() == Type::kArray; }
  bool isObject() const noexcept { return type() == Type::kObject; }

  // Error kInvalidArgument when it is of another type (or, for asInt, no int64).
  bool asBool() const;
  const std::string& asString() const;
  std::int64_t asInt() const;
  double asDouble() const;
  const std::string& numberText() const;
  const Array& asArray() const;
  Array& asArray();
  const Object& asObject() const;
  Object& asObject();
  std::optional<std::int64_t> tryInt() const;

  // Of an object, exact name; nullptr when absent or when this is no object.
  const Value* find(std::string_view name) const;
  Value* find(std::string_view name);
  const Value& operator[](std::string_view name) const;  // a null value when absent
  // Replaces or appends, and returns that member's value; turns null into an object.
  Value& set(std::string_view name, Value value);
  bool erase(std::string_view name);
  size_t size() const noexcept;  // elements or members; 0 for scalars

  static Value parse(std::string_view text, const ReadOptions& options = {});
  std::string write(const WriteOptions& options = {}) const;

  bool operator==(const Value&) const;

 private:
  struct Number {
    std::string text;
    bool operator==(const Number&) const = default;
  };
  std::variant<std::monostate, bool, Number, std::string, Array, Object> data_;
  friend void jsonWrite(Writer& writer, const Value& value);
};

struct Value::Member {
  std::string name;
  Value value;
  bool operator==(const Member&) const = default;
};

void jsonRead(Reader& reader, Value& target);
void jsonWrite(Writer& writer, const Value& value);
inline bool jsonEmpty(const Value& value) {
  return value.isNull();
}

}  // namespace json
