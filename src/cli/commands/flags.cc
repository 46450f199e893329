#include "cli/commands/flags.h"

#include <algorithm>
#include <stdexcept>

#include "platform/base/error.h"
#include "platform/base/strings.h"
#include "platform/base/time.h"
#include "platform/base/units.h"

namespace commands {
namespace {

using base::Code;
using base::fail;

std::string namesOf(const Flag& flag) {
  return flag.shorthand ? fmt::format("-{}, --{}", flag.shorthand, flag.name)
                        : fmt::format("--{}", flag.name);
}

void checkDuration(std::string_view text) {
  if (base::parseGoDuration(text)) return;
  const bool number =
      !text.empty() && text.find_first_not_of("0123456789.+-") == std::string_view::npos;
  if (number) fail(Code::kInvalidArgument, "time: missing unit in duration {}", base::quote(text));
  fail(Code::kInvalidArgument, "time: invalid duration {}", base::quote(text));
}

// Throws when `value` is not of the flag's kind.
void checkKind(const Flag& flag, std::string_view value) {
  switch (flag.kind) {
    case Kind::kBool:
      if (!base::parseBool(value))
        fail(Code::kInvalidArgument, "strconv.ParseBool: parsing {}: invalid syntax",
             base::quote(value));
      break;
    case Kind::kInt:
      parseGoInt(value);
      break;
    case Kind::kUint16:
      parseGoInt(value, "ParseUint", 0, UINT16_MAX);
      break;
    case Kind::kDuration:
      checkDuration(value);
      break;
    case Kind::kBytes:
      base::parseRamBytes(value);
      break;
    case Kind::kSwapBytes:
      if (value != "-1") base::parseRamBytes(value);
      break;
    case Kind::kDecimal:
      parseNanoDecimal(value);
      break;
    case Kind::kString:
    case Kind::kList:
    case Kind::kStrings:
      break;
  }
  if (flag.check) flag.check(value);
}

bool repeats(Kind kind) {
  return kind == Kind::kList || kind == Kind::kStrings;
}

}  // namespace

Flags::Flags(std::initializer_list<FlagTable> tables)
    : Flags(std::span(tables.begin(), tables.size())) {}

Flags::Flags(std::span<const FlagTable> tables) {
  size_t count = 0;
  for (const FlagTable& table : tables) count += table.size();
  states_.reserve(count);
  for (const FlagTable& table : tables) {
    for (const Flag& flag : table) states_.push_back({&flag, {}, flag.fallback, false});
  }
}

Flags::State* Flags::find(std::string_view name) noexcept {
  for (State& state : states_) {
    if (state.flag->name == name) return &state;
  }
  return nullptr;
}

Flags::State* Flags::findShorthand(char letter) noexcept {
  for (State& state : states_) {
    if (letter && state.flag->shorthand == letter) return &state;
  }
  return nullptr;
}

const Flags::State& Flags::at(std::string_view name) const {
  for (const State& state : states_) {
    if (state.flag->name == name) return state;
  }
  throw std::logic_error(fmt::format("flag --{} is not declared", name));
}

void Flags::set(State& state, const std::string& value) {
  try {
    checkKind(*state.flag, value);
  } catch (const base::Error& error) {
    fail(Code::kInvalidArgument, "invalid argument {} for {} flag: {}", base::quote(value),
         base::quote(namesOf(*state.flag)), error.message());
  }
  state.changed = true;
  if (state.flag->kind == Kind::kStrings) {
    for (std::string& piece : base::split(value, ',')) state.values.push_back(std::move(piece));
  } else if (repeats(state.flag->kind)) {
    state.values.push_back(value);
  }
  state.last = value;
}

// False: help was asked for, nothing else matters.
bool Flags::parseLong(std::span<const std::string> args, size_t& index) {
  const std::string_view whole = args[index];
  const auto [name, inlineValue] = base::cut(whole.substr(2), '=');
  if (name.empty() || name[0] == '-') fail(Code::kInvalidArgument, "bad flag syntax: {}", whole);
  if (name == "help") return false;
  State* state = find(name);
  if (!state) {
    fail(Code::kInvalidArgument, "unknown flag: --{}", name);
  }
  if (inlineValue) {
    set(*state, std::string(*inlineValue));
  } else if (state->flag->kind == Kind::kBool) {
    set(*state, "true");
  } else if (index + 1 < args.size()) {
    set(*state, args[++index]);
  } else {
    fail(Code::kInvalidArgument, "flag needs an argument: {}", whole);
  }
  return true;
}

bool Flags::parseShort(std::span<const std::string> args, size_t& index) {
  std::string_view letters = std::string_view(args[index]).substr(1);
  while (!letters.empty()) {
    const char letter = letters[0];
    State* state = findShorthand(letter);
    if (!state) {
      if (letter == 'h') {
        help_by_shorthand_ = true;
        return false;
      }
      fail(Code::kInvalidArgument, "unknown shorthand flag: '{}' in -{}", letter, letters);
    }
    const std::string_view rest = letters.substr(1);
    if (rest.size() > 1 && rest[0] == '=') {
      set(*state, std::string(rest.substr(1)));
      return true;
    }
    if (state->flag->kind == Kind::kBool) {
      set(*state, "true");
      letters = rest;
      continue;
    }
    if (!rest.empty()) {
      set(*state, std::string(rest));
    } else if (index + 1 < args.size()) {
      set(*state, args[++index]);
    } else {
      fail(Code::kInvalidArgument, "flag needs an argument: '{}' in -{}", letter, letters);
    }
    return true;
  }
  return true;
}

std::vector<std::string> Flags::parse(std::span<const std::string> args, bool interspersed) {
  std::vector<std::string> rest;
  for (size_t i = 0; i < args.size(); ++i) {
    const std::string& arg = args[i];
    if (arg.size() < 2 || arg[0] != '-') {
      if (!interspersed) {
        rest.insert(rest.end(), args.begin() + i, args.end());
        return rest;
      }
      rest.push_back(arg);
      continue;
    }
    if (arg == "--") {
      rest.insert(rest.end(), args.begin() + i + 1, args.end());
      return rest;
    }
    const bool more = arg[1] == '-' ? parseLong(args, i) : parseShort(args, i);
    if (!more) {
      help_asked_ = true;
      return rest;
    }
  }
  return rest;
}

bool Flags::changed(std::string_view name) const {
  return at(name).changed;
}

bool Flags::on(std::string_view name) const {
  return base::parseBool(at(name).last).value_or(false);
}

const std::string& Flags::text(std::string_view name) const {
  return at(name).last;
}

const std::vector<std::string>& Flags::list(std::string_view name) const {
  return at(name).values;
}

std::int64_t Flags::number(std::string_view name) const {
  const State& state = at(name);
  if (state.last.empty()) return 0;
  switch (state.flag->kind) {
    case Kind::kDuration:
      return base::parseGoDuration(state.last).value_or(0);
    case Kind::kBytes:
      return base::parseRamBytes(state.last);
    case Kind::kSwapBytes:
      return state.last == "-1" ? -1 : base::parseRamBytes(state.last);
    case Kind::kDecimal:
      return parseNanoDecimal(state.last);
    default:
      return parseGoInt(state.last);
  }
}

std::vector<const Flag*> Flags::sorted() const {
  std::vector<const Flag*> flags;
  flags.reserve(states_.size());
  for (const State& state : states_) flags.push_back(state.flag);
  std::sort(flags.begin(), flags.end(),
            [](const Flag* a, const Flag* b) { return std::string_view(a->name) < b->name; });
  return flags;
}

std::int64_t parseGoInt(std::string_view text, std::string_view function, std::int64_t low,
                        std::int64_t high) {
  std::string_view digits = text;
  const bool negative = !digits.empty() && digits[0] == '-';
  if (!digits.empty() && (digits[0] == '-' || digits[0] == '+')) digits.remove_prefix(1);
  int radix = 10;
  if (digits.size() > 2 && digits[0] == '0' && (digits[1] == 'x' || digits[1] == 'X')) radix = 16;
  if (digits.size() > 2 && digits[0] == '0' && (digits[1] == 'b' || digits[1] == 'B')) radix = 2;
  if (digits.size() > 2 && digits[0] == '0' && (digits[1] == 'o' || digits[1] == 'O')) radix = 8;
  if (radix != 10) {
    digits.remove_prefix(2);
  } else if (digits.size() > 1 && digits[0] == '0') {
    radix = 8;
  }
  const auto invalid = [&] {
    fail(Code::kInvalidArgument, "strconv.{}: parsing {}: invalid syntax", function,
         base::quote(text));
  };
  if (digits.empty() || (negative && function == "ParseUint")) invalid();
  __int128 value = 0;
  bool overflow = false;
  for (const char c : digits) {
    const int digit = c >= '0' && c <= '9'   ? c - '0'
                      : c >= 'a' && c <= 'f' ? c - 'a' + 10
                      : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                             : 99;
    if (digit >= radix) invalid();
    if (!overflow) value = value * radix + digit;
    if (value > static_cast<__int128>(INT64_MAX) + 1) overflow = true;
  }
  if (negative) value = -value;
  if (overflow || value < low || value > high) {
    fail(Code::kInvalidArgument, "strconv.{}: parsing {}: value out of range", function,
         base::quote(text));
  }
  return static_cast<std::int64_t>(value);
}

std::int64_t parseNanoDecimal(std::string_view text) {
  const auto [whole, fraction] = base::cut(text, '.');
  const std::string_view decimals = fraction.value_or("");
  const bool negative = !whole.empty() && whole[0] == '-';
  const std::string_view digits = negative ? whole.substr(1) : whole;
  const auto isDigits = [](std::string_view t) {
    return t.find_first_not_of("0123456789") == std::string_view::npos;
  };
  if ((digits.empty() && decimals.empty()) || !isDigits(digits) || !isDigits(decimals) ||
      digits.size() > 9) {
    fail(Code::kInvalidArgument, "failed to parse {} as a rational number", text);
  }
  const size_t significant = decimals.find_last_not_of('0') == std::string_view::npos
                                 ? 0
                                 : decimals.find_last_not_of('0') + 1;
  if (significant > 9) fail(Code::kInvalidArgument, "value is too precise");
  std::int64_t nanos = 0;
  for (const char c : digits) nanos = nanos * 10 + (c - '0');
  for (size_t i = 0; i < 9; ++i) nanos = nanos * 10 + (i < significant ? decimals[i] - '0' : 0);
  return negative ? -nanos : nanos;
}

namespace {

// The room for one line: words may run over its soft end by this much when that avoids a short last
// line.
constexpr size_t kSlack = 5;
constexpr size_t kNarrowest = 24;

// Takes one line off the front of `text`.
std::string_view takeLine(std::string_view& text, size_t soft) {
  std::string_view line = text;
  if (soft + kSlack <= text.size()) {
    const std::string_view window = text.substr(0, soft);
    size_t cut = window.find_last_of(" \t\n");
    const size_t newline = window.rfind('\n');
    if (newline != std::string_view::npos && newline > 0) cut = std::min(cut, newline);
    if (cut != std::string_view::npos && cut > 0) {
      line = text.substr(0, cut);
      text.remove_prefix(cut + 1);
      return line;
    }
  }
  text = {};
  return line;
}

void appendIndented(std::string& out, std::string_view line, size_t indent) {
  for (const char c : line) {
    out += c;
    if (c == '\n') out.append(indent, ' ');
  }
}

void appendWrapped(std::string& out, std::string_view text, size_t indent, size_t width) {
  if (width < indent + kNarrowest) {  // no sensible column left: a block of its own below the names
    indent = 16;
    out += '\n';
    out.append(indent, ' ');
  }
  if (width < indent + kNarrowest) return appendIndented(out, text, indent);
  const size_t soft = width - indent - kSlack;
  for (bool first = true; first || !text.empty(); first = false) {
    if (!first) {
      out += '\n';
      out.append(indent, ' ');
    }
    appendIndented(out, takeLine(text, soft), indent);
  }
}

}  // namespace

std::string flagUsages(const std::vector<const Flag*>& flags, size_t width) {
  std::vector<std::pair<std::string, const Flag*>> lines;
  size_t column = 0;
  for (const Flag* flag : flags) {
    if (flag->traits & kHidden) continue;
    std::string head = flag->shorthand ? fmt::format("  -{}, --{}", flag->shorthand, flag->name)
                                       : fmt::format("      --{}", flag->name);
    if (*flag->type) head += fmt::format(" {}", flag->type);
    column = std::max(column, head.size() + 1);
    lines.emplace_back(std::move(head), flag);
  }
  std::string out;
  for (const auto& [head, flag] : lines) {
    out += head;
    out.append(column - head.size() + 2, ' ');
    appendWrapped(out, flag->usage, column + 2, width);
    out += '\n';
  }
  return out;
}

}  // namespace commands
