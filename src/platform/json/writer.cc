#include "platform/json/writer.h"

#include <charconv>
#include <cmath>

#include "platform/base/error.h"
#include "platform/json/json_impl.h"
#include "platform/json/utf8.h"

namespace json {

void appendQuoted(std::string& out, std::string_view text, bool escapeHtml) {
  constexpr char kHex[] = "0123456789abcdef";
  out += '"';
  const char* const end = text.data() + text.size();
  const char* start = text.data();
  const auto flush = [&](const char* upTo, std::string_view instead, int skip) {
    out.append(start, upTo);
    out += instead;
    start = upTo + skip;
  };
  for (const char* at = start; at < end;) {
    const auto c = static_cast<unsigned char>(*at);
    if (c >= 0x80) {
      const Rune rune = decodeRune(at, end);
      if (rune.value == kReplacementRune && rune.length == 1) {
        flush(at, "\\ufffd", 1);
      } else if (rune.value == 0x2028) {
        flush(at, "\\u2028", rune.length);  // JavaScript takes these two for line ends
      } else if (rune.value == 0x2029) {
        flush(at, "\\u2029", rune.length);
      }
      at += rune.length;
      continue;
    }
    const bool html = escapeHtml && (c == '<' || c == '>' || c == '&');
    if (c >= 0x20 && c != '"' && c != '\\' && !html) {
      ++at;
      continue;
    }
    switch (c) {
      case '"':
        flush(at, "\\\"", 1);
        break;
      case '\\':
        flush(at, "\\\\", 1);
        break;
      case '\b':
        flush(at, "\\b", 1);
        break;
      case '\f':
        flush(at, "\\f", 1);
        break;
      case '\n':
        flush(at, "\\n", 1);
        break;
      case '\r':
        flush(at, "\\r", 1);
        break;
      case '\t':
        flush(at, "\\t", 1);
        break;
      default: {
        const char escape[] = {'\\', 'u', '0', '0', kHex[c >> 4], kHex[c & 15]};
        flush(at, {escape, sizeof escape}, 1);
      }
    }
    ++at;
  }
  out.append(start, end);
  out += '"';
}

std::string quote(std::string_view text, bool escapeHtml) {
  std::string out;
  appendQuoted(out, text, escapeHtml);
  return out;
}

void Writer::comma() {
  if (recorder_) return;
  if (need_comma_) out_ += ',';
  need_comma_ = false;
}

void Writer::null() {
  if (recorder_) return recorder_->scalar(Recorder::Kind::kNull, {});
  out_ += "null";
  need_comma_ = true;
}

void Writer::nilList() {
  if (recorder_) return recorder_->scalar(Recorder::Kind::kNilList, {});
  null();
}

void Writer::nilMap() {
  if (recorder_) return recorder_->scalar(Recorder::Kind::kNilMap, {});
  null();
}

void Writer::boolean(bool value) {
  if (recorder_) return recorder_->scalar(Recorder::Kind::kBool, value ? "true" : "false");
  out_ += value ? "true" : "false";
  need_comma_ = true;
}

void Writer::integer(std::int64_t value) {
  if (recorder_) return recorder_->scalar(Recorder::Kind::kInteger, std::to_string(value));
  char buffer[24];
  out_.append(buffer, std::to_chars(buffer, buffer + sizeof buffer, value).ptr);
  need_comma_ = true;
}

void Writer::unsignedInteger(std::uint64_t value) {
  if (recorder_) return recorder_->scalar(Recorder::Kind::kInteger, std::to_string(value));
  char buffer[24];
  out_.append(buffer, std::to_chars(buffer, buffer + sizeof buffer, value).ptr);
  need_comma_ = true;
}

// As Go: shortest digits that read back the same, exponent form below 1e-6 and from 1e21, "e-09" as
// "e-9".
void Writer::number(double value) {
  if (recorder_) {
    std::string text;
    Writer(text).number(value);
    return recorder_->scalar(Recorder::Kind::kFloat, text);
  }
  if (!std::isfinite(value))
    base::fail(base::Code::kInvalidArgument, "json: unsupported value: {}",
               std::isnan(value) ? "NaN"
               : value > 0       ? "+Inf"
                                 : "-Inf");
  char buffer[400];
  const double size = std::fabs(value);
  const bool exponent = value != 0 && (size < 1e-6 || size >= 1e21);
  const auto format = exponent ? std::chars_format::scientific : std::chars_format::fixed;
  std::string_view text(
      buffer, static_cast<size_t>(std::to_chars(buffer, buffer + sizeof buffer, value, format).ptr -
                                  buffer));
  if (exponent && text.size() >= 4 && text.substr(text.size() - 4, 3) == "e-0") {
    out_ += text.substr(0, text.size() - 2);
    out_ += text.back();
  } else {
    out_ += text;
  }
  need_comma_ = true;
}

void Writer::string(std::string_view value) {
  if (recorder_) return recorder_->scalar(Recorder::Kind::kString, value);
  appendQuoted(out_, value, escape_html_);
  need_comma_ = true;
}

void Writer::raw(std::string_view text) {
  if (recorder_) return recorder_->raw(text);
  out_ += text.empty() ? std::string_view("null") : text;
  need_comma_ = true;
}

void Writer::beginObject() {
  if (recorder_) return recorder_->beginMap();
  out_ += '{';
  need_comma_ = false;
}

void Writer::key(std::string_view name) {
  if (recorder_) return recorder_->key(name);
  comma();
  appendQuoted(out_, name, escape_html_);
  out_ += ':';
}

void Writer::endObject() {
  if (recorder_) return recorder_->end();
  out_ += '}';
  need_comma_ = true;
}

void Writer::beginArray() {
  if (recorder_) return recorder_->beginList();
  out_ += '[';
  need_comma_ = false;
}

void Writer::endArray() {
  if (recorder_) return recorder_->end();
  out_ += ']';
  need_comma_ = true;
}

void Writer::emptyStruct() {
  if (recorder_) {
    recorder_->beginStruct("struct {}");
    return recorder_->end();
  }
  out_ += "{}";
  need_comma_ = true;
}

void Writer::writeStruct(const void* object, const StructInfo& info) {
  if (recorder_) return recordStruct(object, info);
  beginObject();
  for (const StructInfo::Line& line : info.lines) {
    const void* member = static_cast<const char*>(object) + line.offset;
    if ((line.flags & kOmitEmpty) && line.ops->empty(member)) continue;
    if ((line.flags & kOmitZero) && line.ops->zero(member)) continue;
    comma();
    out_ += line.key;
    if ((line.flags & kNullIfEmpty) && line.ops->empty(member)) {
      null();
    } else {
      line.ops->write(*this, member);
    }
  }
  if (info.rest >= 0) {
    const auto& extra =
        *reinterpret_cast<const Extra*>(static_cast<const char*>(object) + info.rest);
    for (const auto& [name, text] : extra) {
      key(name);
      raw(text);
    }
  }
  endObject();
}

void Writer::recordStruct(const void* object, const StructInfo& info) {
  recorder_->beginStruct(info.goName);
  for (const StructInfo::Line& line : info.lines) {
    const void* member = static_cast<const char*>(object) + line.offset;
    const bool omitted = ((line.flags & kOmitEmpty) && line.ops->empty(member)) ||
                         ((line.flags & kOmitZero) && line.ops->zero(member));
    recorder_->field(line.name, omitted, line.flags);
    if (!(line.flags & kNullIfEmpty) || !line.ops->empty(member)) {
      line.ops->write(*this, member);
    } else if (line.ops->goType().starts_with("map")) {
      nilMap();
    } else {
      nilList();
    }
  }
  recorder_->end();
}

namespace {

bool isSpace(char c) {
  return c == ' ' || c == '\n' || c == '\t' || c == '\r';
}

// Appends the string literal that starts at `i`; `i` is then at its closing quote.
void copyString(std::string& out, std::string_view text, size_t& i) {
  const size_t start = i;
  for (++i; i < text.size() && text[i] != '"'; ++i)
    if (text[i] == '\\') ++i;
  out += text.substr(start, i + 1 - start);
}

}  // namespace

std::string indent(std::string_view text, std::string_view prefix, std::string_view step) {
  std::string out;
  out.reserve(text.size() * 2);
  int depth = 0;
  bool opened =
      false;  // the break after a bracket waits until it is known that the brackets are not empty
  const auto line = [&] {
    out += '\n';
    out += prefix;
    for (int i = 0; i < depth; ++i) out += step;
  };
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (isSpace(c)) continue;
    const bool closes = c == '}' || c == ']';
    if (closes) --depth;
    if (closes != opened) line();
    opened = false;
    switch (c) {
      case '"':
        copyString(out, text, i);
        break;
      case '{':
      case '[':
        out += c;
        ++depth;
        opened = true;
        break;
      case ',':
        out += c;
        line();
        break;
      case ':':
        out += ": ";
        break;
      default:
        out += c;
    }
  }
  return out;
}

std::string compact(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '"') {
      copyString(out, text, i);
    } else if (!isSpace(text[i])) {
      out += text[i];
    }
  }
  return out;
}

}  // namespace json
