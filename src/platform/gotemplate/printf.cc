#include "platform/gotemplate/printf.h"

#include <charconv>
#include <cmath>
#include <optional>

#include "platform/base/strings.h"
#include "platform/json/utf8.h"

namespace gotemplate {

namespace {

constexpr int kMaxWidth = 1'000'000;  // Go's own limit

struct Spec {
  bool minus = false, plus = false, sharp = false, space = false, zero = false;
  std::optional<int> width, precision;
};

std::string pad(std::string text, const Spec& spec, bool zeros) {
  const size_t length = json::countRunes(text);
  const size_t width = static_cast<size_t>(spec.width.value_or(0));
  if (length >= width) return text;
  const size_t fill = width - length;
  if (spec.minus) return text + std::string(fill, ' ');
  if (!zeros) return std::string(fill, ' ') + text;
  const size_t sign = !text.empty() && (text[0] == '-' || text[0] == '+' || text[0] == ' ') ? 1 : 0;
  return text.substr(0, sign) + std::string(fill, '0') + text.substr(sign);
}

std::string formatInteger(std::int64_t value, const Spec& spec, int base, bool upper,
                          std::string_view prefix) {
  const bool negative = value < 0;
  std::uint64_t size =
      negative ? 0 - static_cast<std::uint64_t>(value) : static_cast<std::uint64_t>(value);
  char buffer[80];
  std::string digits(buffer, std::to_chars(buffer, buffer + sizeof buffer, size, base).ptr);
  if (upper)
    for (char& c : digits)
      if (c >= 'a') c = static_cast<char>(c - 32);
  bool zeros = spec.zero && !spec.minus;
  if (spec.precision) {
    zeros = false;
    if (*spec.precision == 0 && value == 0) return pad("", spec, false);
    if (digits.size() < static_cast<size_t>(*spec.precision))
      digits.insert(0, static_cast<size_t>(*spec.precision) - digits.size(), '0');
  }
  const std::string sign = negative ? "-" : spec.plus ? "+" : spec.space ? " " : "";
  if (zeros && spec.width) {
    const size_t used = sign.size() + digits.size();
    if (used < static_cast<size_t>(*spec.width))
      digits.insert(0, static_cast<size_t>(*spec.width) - used, '0');
  }
  return pad(sign + std::string(prefix) + digits, spec, false);
}

std::string formatFloat(double value, const Spec& spec, char verb) {
  std::string text;
  if (std::isnan(value)) {
    text = "NaN";
  } else if (std::isinf(value)) {
    text = value > 0 ? "+Inf" : "-Inf";
  } else {
    char buffer[512];
    std::chars_format format = std::chars_format::general;
    if (verb == 'f' || verb == 'F') format = std::chars_format::fixed;
    if (verb == 'e' || verb == 'E') format = std::chars_format::scientific;
    int precision = spec.precision.value_or(-1);
    if (precision < 0 && verb != 'g' && verb != 'G' && verb != 'v') precision = 6;
    std::to_chars_result result{};
    if (precision >= 0) {
      std::string wide(static_cast<size_t>(precision) + 400, '\0');
      result = std::to_chars(wide.data(), wide.data() + wide.size(), value, format, precision);
      text.assign(wide.data(), result.ptr);
    } else {
      const double size = std::fabs(value);
      const bool exponent = value != 0 && (size < 1e-4 || size >= 1e6);
      result = std::to_chars(buffer, buffer + sizeof buffer, value,
                             exponent ? std::chars_format::scientific : std::chars_format::fixed);
      text.assign(buffer, result.ptr);
    }
    if (verb == 'E' || verb == 'G')
      for (char& c : text)
        if (c == 'e') c = 'E';
  }
  if (text[0] != '-' && text[0] != '+') {
    if (spec.plus)
      text.insert(0, "+");
    else if (spec.space)
      text.insert(0, " ");
  }
  return pad(std::move(text), spec, spec.zero && !spec.minus && std::isfinite(value));
}

std::string truncateRunes(std::string_view text, int count) {
  const char* at = text.data();
  const char* const end = at + text.size();
  for (int i = 0; i < count && at < end; ++i) at += json::decodeRune(at, end).length;
  return std::string(text.data(), at);
}

std::string hexBytes(std::string_view text, const Spec& spec, bool upper) {
  std::string out;
  const size_t count =
      spec.precision ? std::min(text.size(), static_cast<size_t>(*spec.precision)) : text.size();
  for (size_t i = 0; i < count; ++i) {
    if (spec.space && i > 0) out += ' ';
    if (spec.sharp && (spec.space || i == 0)) out += upper ? "0X" : "0x";
    const auto byte = static_cast<unsigned char>(text[i]);
    out += upper ? fmt::format("{:02X}", byte) : fmt::format("{:02x}", byte);
  }
  return pad(std::move(out), spec, false);
}

std::string goSyntax(const Data& value);

std::string formatOne(char32_t verb, const Spec& spec, const Data& value);

// %!verb(type=value)
std::string badVerb(char32_t verb, const Data& value) {
  std::string out = "%!";
  json::appendRune(out, verb);
  out += '(';
  const bool nil = value.kind() == Data::Kind::kNone || value.kind() == Data::Kind::kNull ||
                   value.kind() == Data::Kind::kNil;
  out += nil ? std::string("<nil>") : value.goType() + "=" + value.print();
  return out + ")";
}

std::string formatString(char32_t verb, const Spec& spec, const std::string& text,
                         const Data& value) {
  std::string cut = spec.precision && (verb == 's' || verb == 'v' || verb == 'q')
                        ? truncateRunes(text, *spec.precision)
                        : text;
  switch (verb) {
    case 'v':
      if (spec.sharp) return pad(goQuote(cut), spec, false);
      [[fallthrough]];
    case 's':
      return pad(std::move(cut), spec, spec.zero && !spec.minus);
    case 'q':
      if (spec.sharp && cut.find('`') == cut.npos) return pad("`" + cut + "`", spec, false);
      return pad(goQuote(cut), spec, false);
    case 'x':
      return hexBytes(text, spec, false);
    case 'X':
      return hexBytes(text, spec, true);
  }
  return badVerb(verb, value);
}

std::string formatInt(char32_t verb, const Spec& spec, const Data& value) {
  const std::int64_t number = value.asInt();
  switch (verb) {
    case 'v':
    case 'd':
      return formatInteger(number, spec, 10, false, "");
    case 'b':
      return formatInteger(number, spec, 2, false, spec.sharp ? "0b" : "");
    case 'o':
      return formatInteger(number, spec, 8, false, spec.sharp ? "0" : "");
    case 'O':
      return formatInteger(number, spec, 8, false, "0o");
    case 'x':
      return formatInteger(number, spec, 16, false, spec.sharp ? "0x" : "");
    case 'X':
      return formatInteger(number, spec, 16, true, spec.sharp ? "0X" : "");
    case 'c': {
      std::string out;
      json::appendRune(out, number < 0 || number > 0x10ffff ? json::kReplacementRune
                                                            : static_cast<char32_t>(number));
      return pad(std::move(out), spec, false);
    }
    case 'q': {
      std::string rune;
      json::appendRune(rune, number < 0 || number > 0x10ffff ? json::kReplacementRune
                                                             : static_cast<char32_t>(number));
      std::string quoted = goQuote(rune);
      quoted = rune == "'"    ? "'\\''"
               : rune == "\"" ? "'\"'"
                              : "'" + quoted.substr(1, quoted.size() - 2) + "'";
      return pad(std::move(quoted), spec, false);
    }
    case 'U': {
      std::string out = fmt::format("U+{:04X}", number);
      if (spec.sharp && number >= 0x20 && number <= 0x10ffff) {
        out += " '";
        json::appendRune(out, static_cast<char32_t>(number));
        out += "'";
      }
      return pad(std::move(out), spec, false);
    }
  }
  return badVerb(verb, value);
}

// Elements of lists and maps are formatted with the same verb.
std::string formatCompound(char32_t verb, const Spec& spec, const Data& value) {
  if (verb == 'v' && spec.sharp) return goSyntax(value);
  std::string out;
  bool first = true;
  const auto separate = [&] {
    if (!std::exchange(first, false)) out += ' ';
  };
  if (value.kind() == Data::Kind::kList) {
    out = "[";
    for (const Data& element : value.elements()) {
      separate();
      out += formatOne(verb, spec, element);
    }
    return out + "]";
  }
  const bool isMap = value.kind() == Data::Kind::kMap;
  out = isMap ? "map[" : "{";
  for (const Data::Member& member : value.members()) {
    separate();
    if (isMap) out += formatOne(verb, spec, Data(member.name)) + ":";
    if (!isMap && spec.plus) out += member.name + ":";
    out += formatOne(verb, spec, member.value);
  }
  return out + (isMap ? "]" : "}");
}

std::string formatOne(char32_t verb, const Spec& spec, const Data& value) {
  if (verb == 'T')
    return pad(value.kind() == Data::Kind::kNone ? "<nil>" : value.goType(), spec, false);
  switch (value.kind()) {
    case Data::Kind::kNone:
    case Data::Kind::kNull:
    case Data::Kind::kNil:
      if (verb == 'v') return pad("<nil>", spec, false);
      return badVerb(verb, value);
    case Data::Kind::kBool:
      if (verb == 'v' || verb == 't') return pad(value.asBool() ? "true" : "false", spec, false);
      return badVerb(verb, value);
    case Data::Kind::kInt:
    case Data::Kind::kFloat:
      // Numbers of unknown JSON are json.Number, which is a string.
      if (value.isInterface()) return formatString(verb, spec, value.text(), value);
      if (value.kind() == Data::Kind::kInt) return formatInt(verb, spec, value);
      if (verb == 'v' || verb == 'g' || verb == 'G' || verb == 'e' || verb == 'E' || verb == 'f' ||
          verb == 'F')
        return formatFloat(value.asFloat(), spec, static_cast<char>(verb));
      return badVerb(verb, value);
    case Data::Kind::kString:
      return formatString(verb, spec, value.text(), value);
    default:
      return formatCompound(verb, spec, value);
  }
}

std::string goSyntax(const Data& value) {
  switch (value.kind()) {
    case Data::Kind::kString:
      return goQuote(value.text());
    case Data::Kind::kList: {
      std::string out = value.goType() + "{";
      bool first = true;
      for (const Data& element : value.elements()) {
        if (!std::exchange(first, false)) out += ", ";
        out += goSyntax(element);
      }
      return out + "}";
    }
    case Data::Kind::kMap:
    case Data::Kind::kStruct: {
      std::string out = value.goType() + "{";
      bool first = true;
      for (const Data::Member& member : value.members()) {
        if (!std::exchange(first, false)) out += ", ";
        out += value.kind() == Data::Kind::kMap ? goQuote(member.name) : member.name;
        out += ":" + goSyntax(member.value);
      }
      return out + "}";
    }
    default:
      return value.kind() == Data::Kind::kNone ? "<nil>" : value.print();
  }
}

// One use of Sprintf: walks the format and the arguments.
class Printf {
 public:
  Printf(std::string_view format, std::span<const Data> arguments)
      : format_(format), arguments_(arguments) {}

  std::string run() {
    while (at_ < format_.size()) {
      const size_t percent = std::min(format_.find('%', at_), format_.size());
      out_ += format_.substr(at_, percent - at_);
      at_ = percent;
      if (at_ < format_.size()) verb();
    }
    extra();
    return std::move(out_);
  }

 private:
  void verb() {
    ++at_;
    Spec spec;
    flags(spec);
    width(spec);
    if (at_ < format_.size() && format_[at_] == '.') precision(spec);
    if (at_ >= format_.size()) {
      out_ += "%!(NOVERB)";
      return;
    }
    const json::Rune rune = json::decodeRune(format_.data() + at_, format_.data() + format_.size());
    at_ += static_cast<size_t>(rune.length);
    if (rune.value == '%') {
      out_ += '%';
    } else if (next_ >= arguments_.size()) {
      out_ += "%!";
      json::appendRune(out_, rune.value);
      out_ += "(MISSING)";
    } else {
      out_ += formatOne(rune.value, spec, arguments_[next_++]);
    }
  }

  void flags(Spec& spec) {
    for (; at_ < format_.size(); ++at_) {
      switch (format_[at_]) {
        case '-':
          spec.minus = true;
          break;
        case '+':
          spec.plus = true;
          break;
        case '#':
          spec.sharp = true;
          break;
        case ' ':
          spec.space = true;
          break;
        case '0':
          spec.zero = true;
          break;
        default:
          return;
      }
    }
  }

  std::optional<int> number() {
    std::optional<int> value;
    for (; at_ < format_.size() && format_[at_] >= '0' && format_[at_] <= '9'; ++at_)
      value = std::min(value.value_or(0) * 10 + (format_[at_] - '0'), kMaxWidth);
    return value;
  }

  // `*`: the next argument, which must be an int. nullopt: it was none.
  std::optional<int> starred(std::string_view complaint) {
    ++at_;
    if (next_ < arguments_.size()) {
      const Data& argument = arguments_[next_++];
      if (argument.kind() == Data::Kind::kInt && std::abs(argument.asInt()) <= kMaxWidth)
        return static_cast<int>(argument.asInt());
    }
    out_ += complaint;
    return std::nullopt;
  }

  void width(Spec& spec) {
    if (at_ < format_.size() && format_[at_] == '*') {
      spec.width = starred("%!(BADWIDTH)");
      if (spec.width && *spec.width < 0) {
        spec.width = -*spec.width;
        spec.minus = true;
      }
    } else {
      spec.width = number();
    }
  }

  void precision(Spec& spec) {
    ++at_;
    if (at_ < format_.size() && format_[at_] == '*') {
      spec.precision = starred("%!(BADPREC)");
      if (spec.precision && *spec.precision < 0) {
        spec.precision.reset();
        out_ += "%!(BADPREC)";
      }
    } else {
      spec.precision = number().value_or(0);
    }
  }

  void extra() {
    if (next_ >= arguments_.size()) return;
    out_ += "%!(EXTRA ";
    for (size_t i = next_; i < arguments_.size(); ++i) {
      if (i > next_) out_ += ", ";
      const Data& argument = arguments_[i];
      if (argument.kind() == Data::Kind::kNone || argument.kind() == Data::Kind::kNull) {
        out_ += "<nil>";
      } else {
        out_ += argument.goType() + "=" + argument.print();
      }
    }
    out_ += ")";
  }

  std::string_view format_;
  std::span<const Data> arguments_;
  size_t at_ = 0, next_ = 0;
  std::string out_;
};

std::string printOperand(const Data& value) {
  return value.kind() == Data::Kind::kNone ? "<nil>" : value.print();
}

}  // namespace

std::string formatDouble(double value) {
  return formatFloat(value, Spec{}, 'v');
}

std::string goQuote(std::string_view text) {
  return base::quote(text);
}

std::string formatPrintf(std::string_view format, std::span<const Data> arguments) {
  return Printf(format, arguments).run();
}

std::string formatPrint(std::span<const Data> arguments) {
  std::string out;
  for (size_t i = 0; i < arguments.size(); ++i) {
    const bool strings = i > 0 && (arguments[i].kind() == Data::Kind::kString ||
                                   arguments[i - 1].kind() == Data::Kind::kString);
    if (i > 0 && !strings) out += ' ';
    out += printOperand(arguments[i]);
  }
  return out;
}

std::string formatPrintln(std::span<const Data> arguments) {
  std::string out;
  for (size_t i = 0; i < arguments.size(); ++i) {
    if (i > 0) out += ' ';
    out += printOperand(arguments[i]);
  }
  return out + "\n";
}

}  // namespace gotemplate
