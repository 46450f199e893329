// Appends JSON to a string with Go's escaping. Commas are the writer's business:
//   writer.beginObject(); writer.key("a"); writer.string("x"); writer.endObject();
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "platform/json/fields.h"

namespace json {

struct WriteOptions {
  bool escapeHtml =
      false;       // <, > and & as \u003c…: Go's default, used in image configs and manifests
  int indent = 0;  // spaces a level; 0: one line
};

// Hears what a Writer would write, before it is text: struct or map, what is left out and why. For
// those who need a value's Go shape and not its JSON (templates).
class Recorder {
 public:
  enum class Kind { kNull, kNilList, kNilMap, kBool, kInteger, kFloat, kString };

  virtual ~Recorder() = default;
  virtual void scalar(Kind kind, std::string_view text) = 0;
  virtual void raw(std::string_view json) = 0;
  virtual void beginStruct(std::string_view goName) = 0;
  // Before each member's value. `omitted`: JSON leaves it out.
  virtual void field(std::string_view name, bool omitted, Flags flags) = 0;
  virtual void beginMap() = 0;
  virtual void key(std::string_view name) = 0;
  virtual void beginList() = 0;
  virtual void end() = 0;
};

class Writer {
 public:
  explicit Writer(std::string& out, bool escapeHtml = false)
      : out_(out), escape_html_(escapeHtml) {}
  // Nothing is written: `recorder` hears it all.
  explicit Writer(Recorder& recorder) : out_(unused_), recorder_(&recorder) {}

  void null();
  void nilList();  // null
  void nilMap();
  void boolean(bool value);
  void integer(std::int64_t value);
  void unsignedInteger(std::uint64_t value);
  void number(double value);  // Go's format; error kInvalidArgument for NaN and infinities
  void string(std::string_view value);
  void raw(std::string_view text);  // verbatim; empty: null

  void beginObject();
  void key(std::string_view name);
  void endObject();
  void beginArray();
  void element() { comma(); }  // before each element of an array
  void endArray();

  void emptyStruct();  // {}: Go's struct{}
  void writeStruct(const void* object, const StructInfo& info);
  std::string& out() noexcept { return out_; }

 private:
  void comma();

  void recordStruct(const void* object, const StructInfo& info);

  std::string unused_;
  std::string& out_;
  Recorder* recorder_ = nullptr;
  bool escape_html_ = false;
  bool need_comma_ = false;
};

void appendQuoted(std::string& out, std::string_view text, bool escapeHtml);
std::string quote(std::string_view text, bool escapeHtml = false);

// Go's json.Indent: `prefix` starts every line but the first. The text must be valid.
std::string indent(std::string_view text, std::string_view prefix, std::string_view step);
std::string compact(std::string_view text);

}  // namespace json
