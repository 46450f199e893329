#include "platform/json/reader.h"

#include <charconv>
#include <cstring>

#include "platform/base/error.h"
#include "platform/base/strings.h"
#include "platform/json/json_impl.h"
#include "platform/json/utf8.h"

namespace json {

namespace {

// Go's quoteChar: the offending byte as a rune between single quotes.
std::string quoteChar(unsigned char c) {
  if (c == '\'') return "'\\''";
  if (c == '"') return "'\"'";
  if (c >= 0x20 && c < 0x7f)
    return c == '\\' ? "'\\\\'" : std::string("'") + static_cast<char>(c) + "'";
  if (c >= 0xa1 && c != 0xad) {
    std::string text = "'";
    appendRune(text, c);
    return text + "'";
  }
  switch (c) {
    case '\a':
      return "'\\a'";
    case '\b':
      return "'\\b'";
    case '\f':
      return "'\\f'";
    case '\n':
      return "'\\n'";
    case '\r':
      return "'\\r'";
    case '\t':
      return "'\\t'";
    case '\v':
      return "'\\v'";
  }
  return c < 0x80 ? fmt::format("'\\x{:02x}'", c) : fmt::format("'\\u{:04x}'", c);
}

std::string_view kindName(Reader::Kind kind) {
  constexpr std::string_view kNames[] = {"null", "bool", "number", "string", "array", "object"};
  return kNames[static_cast<int>(kind)];
}

bool isSpace(char c) {
  return c == ' ' || c == '\n' || c == '\t' || c == '\r';
}
bool isDigit(char c) {
  return c >= '0' && c <= '9';
}

}  // namespace

Reader::Reader(std::string_view text, const ReadOptions& options)
    : begin_(text.data()), at_(begin_), end_(begin_ + text.size()), options_(options) {
  if (text.size() > options.maxBytes)
    base::fail(base::Code::kInvalidArgument, "json: text of {} bytes exceeds the limit of {}",
               text.size(), options.maxBytes);
}

void Reader::syntaxError(const char* at, std::string_view where) {
  if (at >= end_) endOfInput();
  base::fail(base::Code::kInvalidArgument, "invalid character {} {}",
             quoteChar(static_cast<unsigned char>(*at)), where);
}

void Reader::endOfInput() {
  if (!options_.decoder) base::fail(base::Code::kInvalidArgument, "unexpected end of JSON input");
  const char* at = begin_;
  while (at < end_ && isSpace(*at)) ++at;
  base::fail(base::Code::kInvalidArgument, "{}", at == end_ ? "EOF" : "unexpected EOF");
}

void Reader::skipSpace() noexcept {
  while (at_ < end_ && isSpace(*at_)) ++at_;
}

Reader::Kind Reader::peek() {
  skipSpace();
  if (at_ == end_) endOfInput();
  switch (*at_) {
    case '{':
      return Kind::kObject;
    case '[':
      return Kind::kArray;
    case '"':
      return Kind::kString;
    case 't':
    case 'f':
      return Kind::kBool;
    case 'n':
      return Kind::kNull;
    case '-':
      return Kind::kNumber;
  }
  if (isDigit(*at_)) return Kind::kNumber;
  syntaxError(at_, "looking for beginning of value");
}

void Reader::literal(std::string_view word) {
  for (size_t i = 0; i < word.size(); ++i, ++at_) {
    if (at_ == end_) endOfInput();
    if (*at_ != word[i])
      syntaxError(at_, fmt::format("in literal {} (expecting '{}')", word, word[i]));
  }
}

bool Reader::consumeNull() {
  if (peek() != Kind::kNull) return false;
  literal("null");
  return true;
}

bool Reader::mismatch(Kind wanted, std::string_view goType) {
  const Kind kind = peek();
  if (kind == wanted) return false;
  if (kind == Kind::kNull) {
    literal("null");
    return true;
  }
  typeError(goType);
  skip();
  return true;
}

void Reader::keepError(std::string message) {
  if (!error_) error_ = std::move(message);
}

void Reader::typeError(std::string_view goType, std::string_view detail) {
  if (error_) return;
  std::string text = fmt::format("json: cannot unmarshal {}", kindName(peek()));
  if (!detail.empty()) text += fmt::format(" {}", detail);
  if (path_.empty()) {
    text += " into Go value";
  } else {
    text += fmt::format(" into Go struct field {}.{}", struct_, fmt::join(path_, "."));
  }
  keepError(text + fmt::format(" of type {}", goType));
}

bool Reader::readBool(bool& target) {
  if (mismatch(Kind::kBool, "bool")) return false;
  const bool value = *at_ == 't';
  literal(value ? "true" : "false");
  target = value;
  return true;
}

const char* Reader::scanDigits(const char* at, std::string_view where) {
  if (at == end_) endOfInput();
  if (!isDigit(*at)) syntaxError(at, where);
  while (at < end_ && isDigit(*at)) ++at;
  return at;
}

std::string_view Reader::numberText() {
  const char* const start = at_;
  const char* at = at_;
  if (*at == '-') ++at;
  if (at < end_ && *at == '0') {
    ++at;
  } else {
    at = scanDigits(at, "in numeric literal");
  }
  if (at < end_ && *at == '.') at = scanDigits(at + 1, "after decimal point in numeric literal");
  if (at < end_ && (*at == 'e' || *at == 'E')) {
    ++at;
    if (at < end_ && (*at == '+' || *at == '-')) ++at;
    at = scanDigits(at, "in exponent of numeric literal");
  }
  at_ = at;
  return {start, static_cast<size_t>(at - start)};
}

std::string Reader::readNumber() {
  if (peek() != Kind::kNumber)
    base::fail(base::Code::kInvalidArgument, "json: expected a number, found {}", kindName(peek()));
  return std::string(numberText());
}

bool Reader::readInt(std::int64_t& target, std::int64_t min, std::int64_t max,
                     std::string_view goType) {
  if (mismatch(Kind::kNumber, goType)) return false;
  const char* const start = at_;
  const std::string_view text = numberText();
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.begin(), text.end(), value);
  if (error != std::errc() || end != text.end() || value < min || value > max) {
    at_ = start;  // typeError looks at the value
    typeError(goType, text);
    at_ = text.end();
    return false;
  }
  target = value;
  return true;
}

bool Reader::readUint(std::uint64_t& target, std::uint64_t max, std::string_view goType) {
  if (mismatch(Kind::kNumber, goType)) return false;
  const char* const start = at_;
  const std::string_view text = numberText();
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.begin(), text.end(), value);
  if (error != std::errc() || end != text.end() || value > max) {
    at_ = start;
    typeError(goType, text);
    at_ = text.end();
    return false;
  }
  target = value;
  return true;
}

bool Reader::readDouble(double& target, std::string_view goType) {
  if (mismatch(Kind::kNumber, goType)) return false;
  const char* const start = at_;
  const std::string_view text = numberText();
  double value = 0;
  const auto [end, error] = std::from_chars(text.begin(), text.end(), value);
  // Out of range covers underflow too, which Go rounds to zero.
  const bool underflow = error == std::errc::result_out_of_range && text.find("e-") != text.npos;
  if ((error != std::errc() && !underflow) || end != text.end()) {
    at_ = start;
    typeError(goType, text);
    at_ = text.end();
    return false;
  }
  target = underflow ? 0 : value;
  return true;
}

unsigned Reader::scanHex4(const char* at) {
  unsigned value = 0;
  for (int i = 0; i < 4; ++i, ++at) {
    if (at >= end_) endOfInput();
    const char c = *at;
    unsigned digit = 0;
    if (isDigit(c)) {
      digit = static_cast<unsigned>(c - '0');
    } else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f') {
      digit = static_cast<unsigned>((c | 0x20) - 'a' + 10);
    } else {
      syntaxError(at, "in \\u hexadecimal character escape");
    }
    value = value * 16 + digit;
  }
  return value;
}

// `at` stands behind the backslash. Appends to scratch_, returns where to go on.
const char* Reader::scanEscape(const char* at) {
  if (at >= end_) endOfInput();
  switch (*at) {
    case '"':
    case '\\':
    case '/':
      scratch_ += *at;
      return at + 1;
    case 'b':
      scratch_ += '\b';
      return at + 1;
    case 'f':
      scratch_ += '\f';
      return at + 1;
    case 'n':
      scratch_ += '\n';
      return at + 1;
    case 'r':
      scratch_ += '\r';
      return at + 1;
    case 't':
      scratch_ += '\t';
      return at + 1;
    case 'u':
      break;
    default:
      syntaxError(at, "in string escape code");
  }
  const unsigned high = scanHex4(at + 1);
  at += 5;
  if (high < 0xd800 || high > 0xdfff) {
    appendRune(scratch_, high);
    return at;
  }
  if (high < 0xdc00 && end_ - at >= 2 && at[0] == '\\' && at[1] == 'u') {
    const unsigned low = scanHex4(at + 2);
    if (low >= 0xdc00 && low <= 0xdfff) {
      appendRune(scratch_, 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00));
      return at + 6;
    }
  }
  appendRune(scratch_, kReplacementRune);
  return at;
}

// The next value is a string: its content, a view into the text when nothing had to be changed,
// else of scratch_.
std::string_view Reader::scanString() {
  const char* at = at_ + 1;
  const char* start = at;
  bool changed = false;
  scratch_.clear();
  for (;;) {
    if (at >= end_) endOfInput();
    const auto c = static_cast<unsigned char>(*at);
    if (c == '"') break;
    if (c < 0x20) syntaxError(at, "in string literal");
    if (c == '\\') {
      scratch_.append(start, at);
      start = at = scanEscape(at + 1);
      changed = true;
    } else if (c < 0x80) {
      ++at;
    } else if (const int length = runeLength(at, end_); length > 0) {
      at += length;
    } else {
      scratch_.append(start, at);
      appendRune(scratch_, kReplacementRune);
      start = ++at;
      changed = true;
    }
  }
  at_ = at + 1;
  if (!changed) return {start, static_cast<size_t>(at - start)};
  scratch_.append(start, at);
  return scratch_;
}

bool Reader::readString(std::string& target, std::string_view goType) {
  if (mismatch(Kind::kString, goType)) return false;
  target = scanString();
  return true;
}

void Reader::enter() {
  if (++depth_ > options_.maxDepth) base::fail(base::Code::kInvalidArgument, "exceeded max depth");
  ++at_;
  first_.push_back(true);
}

void Reader::beginObject() {
  peek();
  enter();
}

void Reader::beginArray() {
  peek();
  enter();
}

bool Reader::nextKey(std::string_view& key) {
  skipSpace();
  if (at_ == end_) endOfInput();
  const bool first = first_.back();
  if (*at_ == '}') {
    ++at_;
    --depth_;
    first_.pop_back();
    return false;
  }
  if (!first) {
    if (*at_ != ',') syntaxError(at_, "after object key:value pair");
    ++at_;
    skipSpace();
  }
  first_.back() = false;
  if (at_ == end_ || *at_ != '"') syntaxError(at_, "looking for beginning of object key string");
  key = scanString();
  skipSpace();
  if (at_ == end_ || *at_ != ':') syntaxError(at_, "after object key");
  ++at_;
  return true;
}

bool Reader::nextElement() {
  skipSpace();
  if (at_ == end_) endOfInput();
  if (*at_ == ']') {
    ++at_;
    --depth_;
    first_.pop_back();
    return false;
  }
  if (!first_.back()) {
    if (*at_ != ',') syntaxError(at_, "after array element");
    ++at_;
  }
  first_.back() = false;
  return true;
}

void Reader::skip() {
  switch (peek()) {
    case Kind::kNull:
      literal("null");
      break;
    case Kind::kBool:
      literal(*at_ == 't' ? "true" : "false");
      break;
    case Kind::kNumber:
      numberText();
      break;
    case Kind::kString:
      scanString();
      break;
    case Kind::kArray:
      beginArray();
      while (nextElement()) skip();
      break;
    case Kind::kObject: {
      beginObject();
      std::string_view key;
      while (nextKey(key)) skip();
      break;
    }
  }
}

std::string_view Reader::raw() {
  peek();
  const char* const start = at_;
  skip();
  return {start, static_cast<size_t>(at_ - start)};
}

void Reader::finish() {
  skipSpace();
  if (at_ != end_) syntaxError(at_, "after top-level value");
  if (error_) base::fail(base::Code::kInvalidArgument, "{}", *error_);
}

void Reader::readStruct(void* object, const StructInfo& info) {
  if (mismatch(Kind::kObject, info.goName)) return;
  const std::string_view outer = struct_;
  size_t hint = 0;
  std::string_view key;
  beginObject();
  while (nextKey(key)) {
    const StructInfo::Line* line = info.find(key, hint);
    if (line) {
      hint = static_cast<size_t>(line - info.lines.data()) + 1;
      struct_ = info.structName;
      path_.push_back(line->name);
      line->ops->read(*this, static_cast<char*>(object) + line->offset);
      path_.pop_back();
    } else if (info.rest >= 0) {
      auto& extra = *reinterpret_cast<Extra*>(static_cast<char*>(object) + info.rest);
      std::string name(key);
      extra.emplace_back(std::move(name), raw());
    } else {
      skip();
    }
  }
  struct_ = outer;
}

void Splitter::push(std::string_view bytes) {
  if (start_ > 0) {
    buffer_.erase(0, start_);
    scan_ -= start_;
    start_ = 0;
  }
  if (buffer_.size() + bytes.size() > max_bytes_)
    base::fail(base::Code::kInvalidArgument, "json: a value of the stream exceeds {} bytes",
               max_bytes_);
  buffer_ += bytes;
}

std::optional<std::string_view> Splitter::next() {
  const auto cut = [&](size_t end) {
    const std::string_view value(buffer_.data() + start_, end - start_);
    start_ = scan_ = end;
    in_scalar_ = false;
    return value;
  };
  for (; scan_ < buffer_.size(); ++scan_) {
    const char c = buffer_[scan_];
    if (in_string_) {
      if (escaped_) {
        escaped_ = false;
      } else if (c == '\\') {
        escaped_ = true;
      } else if (c == '"') {
        in_string_ = false;
        if (depth_ == 0) return cut(scan_ + 1);
      }
      continue;
    }
    if (depth_ == 0) {
      const bool opens = c == '{' || c == '[' || c == '"';
      if (in_scalar_ && (isSpace(c) || opens)) return cut(scan_);
      if (!in_scalar_ && isSpace(c)) {
        start_ = scan_ + 1;
        continue;
      }
      if (!opens) in_scalar_ = true;
    }
    if (c == '"') in_string_ = true;
    if (c == '{' || c == '[') ++depth_;
    if ((c == '}' || c == ']') && depth_ > 0 && --depth_ == 0) return cut(scan_ + 1);
  }
  return std::nullopt;
}

bool Splitter::empty() const noexcept {
  for (size_t i = start_; i < buffer_.size(); ++i)
    if (!isSpace(buffer_[i])) return false;
  return true;
}

}  // namespace json
