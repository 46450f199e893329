// What templates work on: a tree that knows Go's kinds. JSON alone does not tell a struct from a
// map nor a nil list from a nil pointer, and templates print them differently: {{.Ports}} of a
// struct is "{0.0.0.0 80}", of a map "map[IP:0.0.0.0]".
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "platform/json/json.h"

namespace gotemplate {

class Data;

// What an argument must be; kAny takes everything.
enum class Parameter { kAny, kString, kInt, kStrings };

// {{.Label "x"}}: a method of a struct. Its arguments are checked before the call; an Error
// kInvalidArgument of the call is told as "error calling Label: …".
struct Method {
  std::vector<Parameter> parameters;
  std::function<Data(const Data& receiver, std::span<const Data> arguments)> call;
};

// What the structs of one Go type share.
struct StructType {
  std::string name;  // for error texts: "*formatter.ContainerContext"
  std::map<std::string, Method, std::less<>> methods;
};

// Cheap to copy: lists, maps and structs are shared and never change.
class Data {
 public:
  enum class Kind { kNone, kNull, kNil, kBool, kInt, kFloat, kString, kList, kMap, kStruct };
  struct Member;

  Data() = default;  // no value: prints "<no value>"
  Data(bool value);
  Data(int value) : Data(static_cast<std::int64_t>(value)) {}
  Data(std::int64_t value);
  Data(double value);
  Data(std::string value);
  Data(std::string_view value) : Data(std::string(value)) {}
  Data(const char* value) : Data(std::string(value)) {}

  static Data nil();                      // a nil pointer: "<nil>"
  static Data time(std::string rfc3339);  // a time.Time: "2006-01-02 15:04:05 +0000 UTC"
  static Data list(std::vector<Data> elements, bool isNil = false);
  static Data map(std::vector<Member> members, bool isNil = false);      // sorted by name here
  static Data map(std::vector<Member> members, const StructType* type);  // with methods
  // Printed in this order. `type` must live as long as the data; nullptr: a struct without methods
  // or a name.
  static Data structure(std::vector<Member> members, const StructType* type = nullptr);
  static Data number(std::string text);  // a JSON number
  // Of unknown type, as docker inspect has it when it falls back to the daemon's text: objects are
  // maps, null is no value.
  static Data fromJson(const json::Value& value);
  static Data parse(std::string_view json);
  // A struct with a field table, as Go code would hold it.
  template <class T>
  static Data of(const T& value);

  Kind kind() const noexcept { return kind_; }
  bool isNumber() const noexcept { return kind_ == Kind::kInt || kind_ == Kind::kFloat; }
  bool isNil() const noexcept;  // null, nil pointer, nil list or map
  bool truth() const noexcept;  // as `if` sees it
  bool asBool() const noexcept { return int_ != 0; }
  std::int64_t asInt() const noexcept { return int_; }  // kInt; saturated for numbers beyond int64
  double asFloat() const noexcept;
  const std::string& text() const noexcept { return text_; }  // kString; of numbers their digits
  std::span<const Data> elements() const noexcept;            // kList
  std::span<const Member> members() const noexcept;           // kMap, kStruct
  const Data* find(std::string_view name) const noexcept;
  const StructType* structType() const noexcept;
  Data withType(const StructType* type) const;     // a string of a type with a name and methods
  Data withKeyType(const StructType* type) const;  // a map whose keys are such strings
  Data keyOf(const Member& member) const;          // of this map
  bool isInterface() const noexcept { return interface_; }  // came by fromJson()
  bool hasNamedKeys() const noexcept { return named_keys_; }
  size_t size() const noexcept;  // of strings in bytes, of lists and maps

  std::string goType() const;  // "string", "[]string", "map[string]string"
  std::string print() const;   // fmt's %v
  std::string json() const;    // what encoding/json makes of it, HTML not escaped

 private:
  friend class Builder;
  friend class Reshaper;
  struct Compound;
  void writeMembers(json::Writer& writer) const;
  void writeJson(json::Writer& writer) const;
  void print(std::string& out, bool top) const;

  Kind kind_ = Kind::kNone;
  bool interface_ = false;
  bool duration_ = false;    // kInt: printed as time.Duration
  bool named_keys_ = false;  // kMap: no plain string indexes it
  bool time_ = false;        // kStruct without members: text_ is its instant
  std::int64_t int_ = 0;
  std::string text_;
  std::shared_ptr<const Compound> compound_;
};

struct Data::Member {
  std::string name;
  Data value;
  bool omitted = false;  // not part of the JSON form
  bool embedded =
      false;  // Go's embedded struct: its members are found, and in JSON written, as ours
  std::string jsonName = {};  // where JSON's differs
};

// Builds Data from what a json::Writer is told.
class Builder : public json::Recorder {
 public:
  Builder();
  ~Builder() override;
  Data take();

  void scalar(Kind kind, std::string_view text) override;
  void raw(std::string_view json) override;
  void beginStruct(std::string_view goName) override;
  void field(std::string_view name, bool omitted, json::Flags flags) override;
  void beginMap() override;
  void key(std::string_view name) override;
  void beginList() override;
  void end() override;

 private:
  struct Frame;
  void put(Data value);
  std::vector<Frame> frames_;
  Data result_;
};

template <class T>
Data Data::of(const T& value) {
  Builder builder;
  json::record(value, builder);
  return builder.take();
}

}  // namespace gotemplate
