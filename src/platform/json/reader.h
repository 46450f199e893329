// A strict RFC 8259 pull parser over one text in memory, with the leniences and the error texts of
// Go's encoding/json: invalid UTF-8 and lone surrogates become U+FFFD, a syntax error anywhere
// beats a type error before it, and the first type error is thrown only once the whole text is
// known to be well formed.
//
//   reader.beginObject(); while (reader.nextKey(key)) { if (key == "a") reader.read(a); else
//   reader.skip(); }
//
// Errors are base::Error kInvalidArgument. One thread; the text must outlive the reader.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "platform/json/fields.h"

namespace json {

struct ReadOptions {
  int maxDepth = 64;
  size_t maxBytes = 64u << 20;
  // Texts of Go's json.Decoder instead of json.Unmarshal: "unexpected EOF" and "EOF" where the text
  // ends too soon.
  bool decoder = false;
};

class Reader {
 public:
  enum class Kind { kNull, kBool, kNumber, kString, kArray, kObject };

  explicit Reader(std::string_view text, const ReadOptions& options = {});

  Kind peek();  // what the next value is; error when none can start here

  // Each reads the next value when it is of that kind. False: it was null, or of another kind (then
  // it is skipped and the type error kept for finish()); the target is unchanged.
  bool readBool(bool& target);
  bool readString(std::string& target, std::string_view goType = "string");
  bool readInt(std::int64_t& target, std::int64_t min, std::int64_t max, std::string_view goType);
  bool readUint(std::uint64_t& target, std::uint64_t max, std::string_view goType);
  bool readDouble(double& target, std::string_view goType = "float64");
  std::string readNumber();  // verbatim text; the next value must be a number

  bool consumeNull();  // true and past it when the next value is null

  // Between begin and the false of next, read or skip exactly one value each. nextKey's key is
  // valid until the next call of the reader.
  void beginObject();
  bool nextKey(std::string_view& key);
  void beginArray();
  bool nextElement();

  void skip();             // one value of any kind, checked for syntax
  std::string_view raw();  // the same, verbatim: a view into the text

  // Notes that the next value, which is not consumed, is no `goType`.
  void typeError(std::string_view goType, std::string_view detail = {});
  void keepError(std::string message);  // the first one is thrown by finish()

  // Nothing but white space may follow; throws the kept type error.
  void finish();
  size_t offset() const noexcept { return static_cast<size_t>(at_ - begin_); }

  void readStruct(void* object, const StructInfo& info);

 private:
  [[noreturn]] void syntaxError(const char* at, std::string_view where);
  [[noreturn]] void endOfInput();
  void skipSpace() noexcept;
  void enter();
  void literal(std::string_view word);
  const char* scanDigits(const char* at, std::string_view where);
  std::string_view numberText();
  std::string_view scanString();
  const char* scanEscape(const char* at);
  unsigned scanHex4(const char* at);
  bool mismatch(Kind wanted, std::string_view goType);

  const char* begin_;
  const char* at_;
  const char* end_;
  ReadOptions options_;
  int depth_ = 0;
  std::vector<bool> first_;  // a container that has not given its first element, by depth
  std::string scratch_;
  std::optional<std::string> error_;
  std::string_view struct_;             // innermost struct, for error texts
  std::vector<std::string_view> path_;  // fields from the root to here
};

// Cuts a stream of concatenated values (progress streams, events; with or without separators) into
// single ones.
class Splitter {
 public:
  explicit Splitter(size_t maxBytes = 16u << 20) : max_bytes_(maxBytes) {}
  void push(std::string_view bytes);
  // The next complete value's text, valid until the next call. nullopt: more bytes are needed. Only
  // brackets and strings are followed here: what comes out still has to be parsed.
  std::optional<std::string_view> next();
  bool empty() const noexcept;  // nothing but white space is left

 private:
  size_t max_bytes_;
  std::string buffer_;
  size_t start_ = 0, scan_ = 0;
  int depth_ = 0;
  bool in_string_ = false, escaped_ = false, in_scalar_ = false;
};

}  // namespace json
