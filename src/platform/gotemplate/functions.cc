#include "platform/gotemplate/functions.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "platform/base/error.h"
#include "platform/base/strings.h"
#include "platform/gotemplate/printf.h"
#include "platform/gotemplate/tree.h"
#include "platform/json/utf8.h"

namespace gotemplate {

namespace {

using Kind = Data::Kind;
using Arguments = std::span<const Data>;

template <class... Args>
[[noreturn]] void fail(fmt::format_string<Args...> format, Args&&... args) {
  base::fail(base::Code::kInvalidArgument, format, std::forward<Args>(args)...);
}

bool isNull(const Data& value) {
  return value.kind() == Kind::kNone || value.kind() == Kind::kNull || value.kind() == Kind::kNil;
}

Data len(Arguments arguments) {
  const Data& value = arguments[0];
  switch (value.kind()) {
    case Kind::kString:
    case Kind::kList:
    case Kind::kMap:
      return Data(static_cast<std::int64_t>(value.size()));
    case Kind::kNone:
    case Kind::kNull:
      fail("len of nil pointer");
    case Kind::kNil:
      fail("len of nil pointer");
    default:
      fail("len of type {}", value.goType());
  }
}

// What an absent key of a map gives.
Data zeroOf(const Data& map) {
  if (map.isInterface()) return Data();
  if (map.members().empty()) return Data("");
  const Data& like = map.members().front().value;
  switch (like.kind()) {
    case Kind::kBool:
      return Data(false);
    case Kind::kInt:
      return Data(0);
    case Kind::kFloat:
      return Data(0.0);
    case Kind::kString:
      return Data("");
    case Kind::kList:
      return Data::list({}, true);
    case Kind::kMap:
      return Data::map({}, true);
    default:
      return Data::nil();
  }
}

size_t checkedIndex(const Data& index, size_t size, bool inclusive) {
  if (isNull(index)) fail("cannot index slice/array with nil");
  if (index.kind() != Kind::kInt || index.isInterface())
    fail("cannot index slice/array with type {}", index.goType());
  const std::int64_t at = index.asInt();
  if (at < 0 || static_cast<size_t>(at) > size || (!inclusive && static_cast<size_t>(at) == size))
    fail("index out of range: {}", at);
  return static_cast<size_t>(at);
}

Data indexInto(Arguments arguments) {
  Data value = arguments[0];
  if (isNull(value)) fail("index of untyped nil");
  for (const Data& index : arguments.subspan(1)) {
    switch (value.kind()) {
      case Kind::kList:
        value = Data(value.elements()[checkedIndex(index, value.size(), false)]);
        break;
      case Kind::kString:
        value = Data(static_cast<int>(
            static_cast<unsigned char>(value.text()[checkedIndex(index, value.size(), false)])));
        break;
      case Kind::kMap: {
        if (isNull(index)) fail("value is nil; should be of type string");
        if (index.kind() != Kind::kString)
          fail("value has type {}; should be string", index.goType());
        if (value.hasNamedKeys()) fail("value has type string; should be a named one");
        const Data* found = value.find(index.text());
        value = found ? Data(*found) : zeroOf(value);
        break;
      }
      case Kind::kNone:
      case Kind::kNull:
      case Kind::kNil:
        fail("index of nil pointer");
      default:
        fail("can't index item of type {}", value.goType());
    }
  }
  return value;
}

Data slice(Arguments arguments) {
  const Data& value = arguments[0];
  if (isNull(value)) fail("slice of untyped nil");
  if (arguments.size() > 4) fail("too many slice indexes: {}", arguments.size() - 1);
  if (value.kind() != Kind::kString && value.kind() != Kind::kList)
    fail("can't slice item of type {}", value.goType());
  if (value.kind() == Kind::kString && arguments.size() == 4) fail("cannot 3-index slice a string");
  size_t bounds[3] = {0, value.size(), value.size()};
  for (size_t i = 1; i < arguments.size(); ++i)
    bounds[i - 1] = checkedIndex(arguments[i], value.size(), true);
  if (bounds[0] > bounds[1]) fail("invalid slice index: {} > {}", bounds[0], bounds[1]);
  if (arguments.size() == 4 && bounds[1] > bounds[2])
    fail("invalid slice index: {} > {}", bounds[1], bounds[2]);
  if (value.kind() == Kind::kString)
    return Data(value.text().substr(bounds[0], bounds[1] - bounds[0]));
  const auto part = value.elements().subspan(bounds[0], bounds[1] - bounds[0]);
  return Data::list({part.begin(), part.end()});
}

// -- comparison

enum class Basic { kBool, kInt, kFloat, kString };

std::optional<Basic> basicKind(const Data& value) {
  switch (value.kind()) {
    case Kind::kBool:
      return Basic::kBool;
    case Kind::kInt:
      return value.isInterface() ? Basic::kString : Basic::kInt;
    case Kind::kFloat:
      return value.isInterface() ? Basic::kString : Basic::kFloat;
    case Kind::kString:
      return Basic::kString;
    default:
      return std::nullopt;
  }
}

bool equal(const Data& a, const Data& b) {
  const auto left = basicKind(a), right = basicKind(b);
  if (!left || !right) {
    if (isNull(a) || isNull(b)) return isNull(a) && isNull(b);
    if (a.kind() == Kind::kList || a.kind() == Kind::kMap || b.kind() == Kind::kList ||
        b.kind() == Kind::kMap)
      fail("non-comparable type {}: {}", a.print(), a.goType());
    return a.print() == b.print();
  }
  if (left != right) fail("incompatible types for comparison");
  switch (*left) {
    case Basic::kBool:
      return a.asBool() == b.asBool();
    case Basic::kInt:
      return a.asInt() == b.asInt();
    case Basic::kFloat:
      return a.asFloat() == b.asFloat();
    case Basic::kString:
      return a.text() == b.text();
  }
  return false;
}

bool less(const Data& a, const Data& b) {
  const auto left = basicKind(a), right = basicKind(b);
  if (!left || !right) fail("invalid type for comparison");
  if (left != right) fail("incompatible types for comparison");
  switch (*left) {
    case Basic::kBool:
      fail("invalid type for comparison");
    case Basic::kInt:
      return a.asInt() < b.asInt();
    case Basic::kFloat:
      return a.asFloat() < b.asFloat();
    case Basic::kString:
      return a.text() < b.text();
  }
  return false;
}

Data eq(Arguments arguments) {
  if (arguments.size() < 2) fail("missing argument for comparison");
  for (const Data& other : arguments.subspan(1))
    if (equal(arguments[0], other)) return Data(true);
  return Data(false);
}

Data lessOrEqual(const Data& a, const Data& b) {
  return Data(less(a, b) || equal(a, b));
}

// -- text

std::string textOf(Arguments arguments) {
  std::vector<Data> printable;
  for (const Data& value : arguments)
    printable.push_back(
        value.kind() == Kind::kNone || value.kind() == Kind::kNull ? Data("<no value>") : value);
  return formatPrint(printable);
}

bool isLetter(char32_t rune) {
  return ((rune | 0x20) >= 'a' && (rune | 0x20) <= 'z') || rune >= 0x80;
}

// strings.Title for ASCII: upper case behind what is neither letter nor digit nor underscore.
std::string title(std::string_view text) {
  std::string out(text);
  bool inWord = false;
  for (char& c : out) {
    const auto byte = static_cast<unsigned char>(c);
    if (!inWord && c >= 'a' && c <= 'z') c = static_cast<char>(c - 32);
    inWord = isLetter(byte) || (c >= '0' && c <= '9') || c == '_' || (inWord && c == '\'');
    if (c == '\'') inWord = false;
  }
  return out;
}

std::string upper(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 32);
  return out;
}

Data split(Arguments arguments) {
  const std::string& text = arguments[0].text();
  const std::string& separator = arguments[1].text();
  std::vector<Data> pieces;
  if (separator.empty()) {
    for (const char *at = text.data(), *end = at + text.size(); at < end;) {
      const int length = json::decodeRune(at, end).length;
      pieces.emplace_back(std::string(at, static_cast<size_t>(length)));
      at += length;
    }
    return Data::list(std::move(pieces));
  }
  size_t start = 0;
  for (size_t at; (at = text.find(separator, start)) != text.npos; start = at + separator.size())
    pieces.emplace_back(text.substr(start, at - start));
  pieces.emplace_back(text.substr(start));
  return Data::list(std::move(pieces));
}

Data join(Arguments arguments) {
  std::string out;
  bool first = true;
  for (const Data& element : arguments[0].elements()) {
    if (!std::exchange(first, false)) out += arguments[1].text();
    out += element.text();
  }
  return Data(std::move(out));
}

Data padWithSpace(Arguments arguments) {
  const std::string& text = arguments[0].text();
  if (text.empty()) return Data(text);
  const auto spaces = [](const Data& count) {
    if (count.asInt() < 0 || count.asInt() > 1'000'000) fail("strings: negative Repeat count");
    return std::string(static_cast<size_t>(count.asInt()), ' ');
  };
  return Data(spaces(arguments[1]) + text + spaces(arguments[2]));
}

Data truncateWithLength(Arguments arguments) {
  const std::string& text = arguments[0].text();
  const std::int64_t length = arguments[1].asInt();
  if (length < 0) fail("runtime error: slice bounds out of range [:{}]", length);
  return Data(text.substr(0, static_cast<size_t>(length)));  // bytes, as docker cuts
}

Data call(Arguments arguments) {
  if (isNull(arguments[0])) fail("call of nil");
  fail("non-function {} of type {}", arguments[0].print(), arguments[0].goType());
}

using P = Parameter;

const Function kFunctions[] = {
    {"and", {P::kAny, P::kAny}, true, nullptr, true},
    {"or", {P::kAny, P::kAny}, true, nullptr, true},
    {"not", {P::kAny}, false, [](Arguments a) { return Data(!a[0].truth()); }},
    {"len", {P::kAny}, false, len},
    {"index", {P::kAny, P::kAny}, true, indexInto},
    {"slice", {P::kAny, P::kAny}, true, slice},
    {"eq", {P::kAny, P::kAny}, true, eq},
    {"ne", {P::kAny, P::kAny}, false, [](Arguments a) { return Data(!equal(a[0], a[1])); }},
    {"lt", {P::kAny, P::kAny}, false, [](Arguments a) { return Data(less(a[0], a[1])); }},
    {"le", {P::kAny, P::kAny}, false, [](Arguments a) { return lessOrEqual(a[0], a[1]); }},
    {"gt",
     {P::kAny, P::kAny},
     false,
     [](Arguments a) { return Data(!lessOrEqual(a[0], a[1]).asBool()); }},
    {"ge", {P::kAny, P::kAny}, false, [](Arguments a) { return Data(!less(a[0], a[1])); }},
    {"print", {P::kAny}, true, [](Arguments a) { return Data(formatPrint(a)); }},
    {"println", {P::kAny}, true, [](Arguments a) { return Data(formatPrintln(a)); }},
    {"printf",
     {P::kString, P::kAny},
     true,
     [](Arguments a) { return Data(formatPrintf(a[0].text(), a.subspan(1))); }},
    {"html", {P::kAny}, true, [](Arguments a) { return Data(escapeHtml(textOf(a))); }},
    {"js", {P::kAny}, true, [](Arguments a) { return Data(escapeJs(textOf(a))); }},
    {"urlquery", {P::kAny}, true, [](Arguments a) { return Data(escapeQuery(textOf(a))); }},
    {"call", {P::kAny, P::kAny}, true, call},
    {"json", {P::kAny}, false, [](Arguments a) { return Data(a[0].json()); }},
    {"split", {P::kString, P::kString}, false, split},
    {"join", {P::kStrings, P::kString}, false, join},
    {"title", {P::kString}, false, [](Arguments a) { return Data(title(a[0].text())); }},
    {"lower", {P::kString}, false, [](Arguments a) { return Data(base::lower(a[0].text())); }},
    {"upper", {P::kString}, false, [](Arguments a) { return Data(upper(a[0].text())); }},
    {"pad", {P::kString, P::kInt, P::kInt}, false, padWithSpace},
    {"truncate", {P::kString, P::kInt}, false, truncateWithLength},
};

}  // namespace

const Function* findFunction(std::string_view name) {
  for (const Function& function : kFunctions)
    if (function.name == name) return &function;
  return nullptr;
}

bool isFunction(std::string_view name) {
  return findFunction(name) != nullptr;
}

std::string_view goName(Parameter parameter) {
  switch (parameter) {
    case Parameter::kAny:
      return "interface {}";
    case Parameter::kString:
      return "string";
    case Parameter::kInt:
      return "int";
    case Parameter::kStrings:
      return "[]string";
  }
  return "";
}

std::string escapeHtml(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '\0':
        out += "\xef\xbf\xbd";
        break;
      case '"':
        out += "&#34;";
        break;
      case '\'':
        out += "&#39;";
        break;
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

std::string escapeJs(std::string_view text) {
  std::string out;
  for (const char *at = text.data(), *end = at + text.size(); at < end;) {
    const json::Rune rune = json::decodeRune(at, end);
    if (rune.length > 1 || static_cast<unsigned char>(*at) >= 0x80) {
      out.append(at, static_cast<size_t>(rune.length));
      at += rune.length;
      continue;
    }
    const char c = *at++;
    if (c == '\\' || c == '\'' || c == '"') {
      out += '\\';
      out += c;
    } else if (c == '<' || c == '>' || c == '&' || c == '=' ||
               static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      out += fmt::format("\\u{:04X}", static_cast<unsigned>(c));
    } else {
      out += c;
    }
  }
  return out;
}

std::string escapeQuery(std::string_view text) {
  constexpr std::string_view kPlain = "-_.~";
  std::string out;
  for (const char c : text) {
    const bool word = (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
    if (word || kPlain.find(c) != kPlain.npos) {
      out += c;
    } else if (c == ' ') {
      out += '+';
    } else {
      out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
  }
  return out;
}

}  // namespace gotemplate
