#include "api/dockerapi/regex.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <string>

#include "platform/base/error.h"
#include "platform/json/utf8.h"

namespace dockerapi {

namespace {

constexpr char32_t kNone = 0xffffffff;  // before the first and after the last rune
constexpr char32_t kMaxRune = 0x10ffff;
constexpr int kMaxRepeat = 1000;
constexpr int kMaxDepth = 200;
constexpr size_t kMaxSteps = 50'000;

bool isWordRune(char32_t rune) {
  return (rune >= '0' && rune <= '9') || (rune >= 'a' && rune <= 'z') ||
         (rune >= 'A' && rune <= 'Z') || rune == '_';
}

}  // namespace

// Recursive descent; every part becomes a piece of code whose jumps are relative, so that pieces
// can be joined and copied as they are.
class RegexCompiler {
 public:
  RegexCompiler(Regex& regex, std::string_view pattern)
      : regex_(regex), at_(pattern.data()), end_(at_ + pattern.size()) {}

  void compile() {
    Code code = alternation();
    if (at_ != end_) fail("unexpected )");
    code.push_back({Regex::Op::kMatch});
    regex_.steps_ = std::move(code);
  }

 private:
  using Step = Regex::Step;
  using Op = Regex::Op;
  using Where = Regex::Where;
  using Range = Regex::Range;
  using Ranges = std::vector<Range>;
  using Code = std::vector<Step>;
  struct Flags {
    bool fold = false, dotAll = false, multiLine = false, ungreedy = false;
  };

  [[noreturn]] static void fail(std::string_view what) {
    base::fail(base::Code::kInvalidArgument, "error parsing regexp: {}", what);
  }
  bool more() const { return at_ != end_; }
  bool see(char c) const { return more() && *at_ == c; }
  bool eat(std::string_view text) {
    if (!std::string_view(at_, static_cast<size_t>(end_ - at_)).starts_with(text)) return false;
    at_ += text.size();
    return true;
  }
  char32_t nextRune() {
    if (!more()) fail("unexpected end");
    const json::Rune rune = json::decodeRune(at_, end_);
    at_ += rune.length;
    return rune.value;
  }
  static std::int32_t length(const Code& code) { return static_cast<std::int32_t>(code.size()); }
  static void append(Code& code, const Code& more) {
    if (code.size() + more.size() > kMaxSteps) fail("expression is too large");
    code.insert(code.end(), more.begin(), more.end());
  }
  static Code one(Step step) { return {step}; }

  Code alternation() {
    if (++depth_ > kMaxDepth) fail("expression nests too deeply");
    const Flags outer = flags_;
    std::vector<Code> branches = {concatenation()};
    while (eat("|")) branches.push_back(concatenation());
    flags_ = outer;
    --depth_;

    std::int32_t rest = 0;  // steps behind the branch at hand
    for (const Code& branch : branches) rest += length(branch) + 2;
    Code code;
    for (size_t i = 0; i < branches.size(); ++i) {
      const Code& branch = branches[i];
      rest -= length(branch) + 2;
      const bool last = i + 1 == branches.size();
      if (!last) code.push_back({Op::kSplit, {}, 1, length(branch) + 2});
      append(code, branch);
      // The last branch stands without its two steps, so the end is two nearer.
      if (!last) code.push_back({Op::kJump, {}, rest - 1});
    }
    return code;
  }

  Code concatenation() {
    Code code;
    while (more() && !see('|') && !see(')')) append(code, repetition());
    return code;
  }

  Code repetition() {
    bool repeatable = true;
    Code code = atom(repeatable);
    bool repeated = false;
    while (more()) {
      int low = 0, high = -1;
      if (eat("*")) {
      } else if (eat("+")) {
        low = 1;
      } else if (eat("?")) {
        high = 1;
      } else if (!counts(low, high)) {
        break;
      }
      if (!repeatable) fail("missing argument to repetition operator");
      if (repeated) fail("invalid nested repetition operator");
      repeated = true;
      eat("?");  // lazy or greedy: whether it matches is the same
      code = repeat(code, low, high);
    }
    return code;
  }

  // {n}, {n,}, {n,m}; anything else in braces is literal, as in Go.
  bool counts(int& low, int& high) {
    const char* const start = at_;
    if (!eat("{")) return false;
    const auto number = [&]() -> std::optional<int> {
      int value = 0, digits = 0;
      for (; more() && *at_ >= '0' && *at_ <= '9' && digits < 6; ++at_, ++digits)
        value = value * 10 + (*at_ - '0');
      return digits > 0 ? std::optional<int>(value) : std::nullopt;
    };
    const std::optional<int> first = number();
    std::optional<int> second = first;
    bool open = false;
    if (first && eat(",")) {
      second = number();
      open = !second;
    }
    if (!first || !eat("}")) {
      at_ = start;
      return false;
    }
    low = *first;
    high = open ? -1 : *second;
    if (low > kMaxRepeat || high > kMaxRepeat || (high >= 0 && high < low))
      fail("invalid repeat count");
    return true;
  }

  // `high` -1: any number.
  static Code repeat(const Code& body, int low, int high) {
    Code code;
    for (int i = 0; i < low; ++i) append(code, body);
    if (high < 0) {
      code.push_back({Op::kSplit, {}, 1, length(body) + 2});
      append(code, body);
      code.push_back({Op::kJump, {}, -length(body) - 1});
      return code;
    }
    for (int i = high - low; i > 0; --i) {
      code.push_back({Op::kSplit, {}, 1, i * (length(body) + 1)});
      append(code, body);
    }
    return code;
  }

  // `repeatable` becomes false when what stands here takes no repetition.
  Code atom(bool& repeatable) {
    if (eat("(")) return group(repeatable);
    if (eat("[")) return runes(bracket());
    if (eat("."))
      return runes(flags_.dotAll ? Ranges{{0, kMaxRune}}
                                 : Ranges{{0, '\n' - 1}, {'\n' + 1, kMaxRune}});
    if (eat("^")) return assertion(flags_.multiLine ? Where::kLineStart : Where::kTextStart);
    if (eat("$")) return assertion(flags_.multiLine ? Where::kLineEnd : Where::kTextEnd);
    if (see('*') || see('+') || see('?')) fail("missing argument to repetition operator");
    if (eat("\\")) return escape(repeatable);
    const char32_t rune = nextRune();
    return runes({{rune, rune}});
  }

  Code group(bool& repeatable) {
    const Flags outer = flags_;
    if (eat("?")) {
      if (eat("P<") || eat("<")) {
        while (more() && !see('>')) ++at_;
        if (!eat(">")) fail("invalid named capture");
      } else if (!groupFlags()) {
        repeatable = false;  // (?i) holds to the end of the enclosing group
        return {};
      }
    }
    Code code = alternation();
    if (!eat(")")) fail("missing closing )");
    flags_ = outer;
    return code;
  }

  // True: a group with a body follows.
  bool groupFlags() {
    bool value = true;
    for (; more(); ++at_) {
      switch (*at_) {
        case 'i':
          flags_.fold = value;
          break;
        case 's':
          flags_.dotAll = value;
          break;
        case 'm':
          flags_.multiLine = value;
          break;
        case 'U':
          flags_.ungreedy = value;
          break;
        case '-':
          value = false;
          break;
        case ':':
          ++at_;
          return true;
        case ')':
          ++at_;
          return false;
        default:
          fail("invalid or unsupported Perl syntax");
      }
    }
    fail("missing closing )");
  }

  static Code assertion(Where where) { return one({Op::kAssert, where}); }

  Code runes(Ranges ranges) {
    if (flags_.fold) {
      for (size_t i = 0, count = ranges.size(); i < count; ++i) {
        const auto [low, high] = ranges[i];
        const auto shifted = [&](char32_t from, char32_t to, int by) {
          const char32_t a = std::max(low, from), b = std::min(high, to);
          if (a <= b)
            ranges.push_back({a + static_cast<char32_t>(by), b + static_cast<char32_t>(by)});
        };
        shifted('a', 'z', 'A' - 'a');
        shifted('A', 'Z', 'a' - 'A');
      }
    }
    if (regex_.classes_.size() >= kMaxSteps) fail("expression is too large");
    regex_.classes_.push_back(std::move(ranges));
    return one({Op::kRunes, {}, static_cast<std::int32_t>(regex_.classes_.size() - 1)});
  }

  static Ranges inverted(Ranges ranges) {
    std::sort(ranges.begin(), ranges.end());
    Ranges result;
    char32_t next = 0;
    for (const auto& [low, high] : ranges) {
      if (low > next) result.push_back({next, low - 1});
      next = std::max<char32_t>(next, high + 1);
    }
    if (next <= kMaxRune) result.push_back({next, kMaxRune});
    return result;
  }

  // \d and the like; nullopt: `c` names no class.
  static std::optional<Ranges> perlClass(char c) {
    const Ranges digits = {{'0', '9'}};
    const Ranges words = {{'0', '9'}, {'A', 'Z'}, {'_', '_'}, {'a', 'z'}};
    const Ranges spaces = {{'\t', '\n'}, {'\f', '\r'}, {' ', ' '}};
    switch (c) {
      case 'd':
        return digits;
      case 'D':
        return inverted(digits);
      case 'w':
        return words;
      case 'W':
        return inverted(words);
      case 's':
        return spaces;
      case 'S':
        return inverted(spaces);
    }
    return std::nullopt;
  }

  static std::optional<Ranges> posixClass(std::string_view name) {
    constexpr std::string_view kNames[] = {"alnum", "alpha", "ascii", "blank", "cntrl",
                                           "digit", "graph", "lower", "print", "punct",
                                           "space", "upper", "word",  "xdigit"};
    const Ranges classes[] = {
        {{'0', '9'}, {'A', 'Z'}, {'a', 'z'}},
        {{'A', 'Z'}, {'a', 'z'}},
        {{0, 0x7f}},
        {{'\t', '\t'}, {' ', ' '}},
        {{0, 0x1f}, {0x7f, 0x7f}},
        {{'0', '9'}},
        {{'!', '~'}},
        {{'a', 'z'}},
        {{' ', '~'}},
        {{'!', '/'}, {':', '@'}, {'[', '`'}, {'{', '~'}},
        {{'\t', '\r'}, {' ', ' '}},
        {{'A', 'Z'}},
        {{'0', '9'}, {'A', 'Z'}, {'_', '_'}, {'a', 'z'}},
        {{'0', '9'}, {'A', 'F'}, {'a', 'f'}},
    };
    for (size_t i = 0; i < std::size(kNames); ++i)
      if (kNames[i] == name) return classes[i];
    return std::nullopt;
  }

  // The rune that an escape stands for; `at_` is behind the backslash.
  char32_t escapedRune() {
    const char32_t rune = nextRune();
    switch (rune) {
      case 'a':
        return '\a';
      case 'f':
        return '\f';
      case 'n':
        return '\n';
      case 'r':
        return '\r';
      case 't':
        return '\t';
      case 'v':
        return '\v';
      case 'x':
        return hexRune();
    }
    if (rune < 0x80 && !isWordRune(rune)) return rune;
    if (rune == '_') return rune;
    fail("invalid escape sequence");
  }

  char32_t hexRune() {
    const bool braces = eat("{");
    char32_t value = 0;
    int digits = 0;
    for (; more() && digits < (braces ? 6 : 2); ++at_, ++digits) {
      const char c = *at_;
      const char lower = static_cast<char>(c | 0x20);
      if (c >= '0' && c <= '9') {
        value = value * 16 + static_cast<char32_t>(c - '0');
      } else if (lower >= 'a' && lower <= 'f') {
        value = value * 16 + static_cast<char32_t>(lower - 'a' + 10);
      } else {
        break;
      }
    }
    if (digits == 0 || (!braces && digits != 2) || (braces && !eat("}")) || value > kMaxRune)
      fail("invalid escape sequence");
    return value;
  }

  Code escape(bool& repeatable) {
    if (!more()) fail("trailing backslash at end of expression");
    if (auto ranges = perlClass(*at_)) {
      ++at_;
      return runes(std::move(*ranges));
    }
    if (eat("b")) return assertion(Where::kWordEdge);
    if (eat("B")) return assertion(Where::kNoWordEdge);
    if (eat("A")) return assertion(Where::kTextStart);
    if (eat("z")) return assertion(Where::kTextEnd);
    if (eat("Q")) {
      Code code;
      while (more() && !eat("\\E")) {
        const char32_t rune = nextRune();
        append(code, runes({{rune, rune}}));
      }
      repeatable = false;
      return code;
    }
    const char32_t rune = escapedRune();
    return runes({{rune, rune}});
  }

  Ranges bracket() {
    const bool negated = eat("^");
    Ranges ranges;
    for (bool first = true; first || !see(']'); first = false) {
      if (!more()) fail("missing closing ]");
      if (eat("[:")) {
        const char* const start = at_;
        while (more() && !see(':')) ++at_;
        std::string_view name(start, static_cast<size_t>(at_ - start));
        const bool inverse = name.starts_with('^');
        auto named = posixClass(inverse ? name.substr(1) : name);
        if (!named || !eat(":]")) fail("invalid character class range");
        if (inverse) named = inverted(*named);
        ranges.insert(ranges.end(), named->begin(), named->end());
        continue;
      }
      if (see('\\') && at_ + 1 != end_) {
        if (const auto named = perlClass(at_[1])) {
          at_ += 2;
          ranges.insert(ranges.end(), named->begin(), named->end());
          continue;
        }
      }
      const char32_t low = eat("\\") ? escapedRune() : nextRune();
      char32_t high = low;
      if (see('-') && at_ + 1 != end_ && at_[1] != ']') {
        ++at_;
        high = eat("\\") ? escapedRune() : nextRune();
      }
      if (high < low) fail("invalid character class range");
      ranges.push_back({low, high});
    }
    ++at_;
    if (!negated) return ranges;
    if (flags_.fold) {
      // [^a] without case excludes A too: fold before inverting.
      const size_t count = ranges.size();
      for (size_t i = 0; i < count; ++i)
        for (char32_t rune = std::max<char32_t>(ranges[i].first, 'A');
             rune <= std::min<char32_t>(ranges[i].second, 'z'); ++rune)
          if (isWordRune(rune) && rune != '_') ranges.push_back({rune ^ 0x20, rune ^ 0x20});
    }
    return inverted(std::move(ranges));
  }

  Regex& regex_;
  const char* at_;
  const char* end_;
  Flags flags_;
  int depth_ = 0;
};

Regex::Regex(std::string_view pattern) {
  RegexCompiler(*this, pattern).compile();
}

// The steps a match could stand at, each once.
struct Regex::Threads {
  explicit Threads(size_t steps) : seen(steps) {}
  void clear() {
    for (const std::uint32_t step : list) seen[step] = false;
    for (const std::uint32_t step : passed) seen[step] = false;
    list.clear();
    passed.clear();
  }
  std::vector<bool> seen;
  std::vector<std::uint32_t> list, passed;
  bool matched = false;
};

void Regex::add(Threads& threads, std::uint32_t start, char32_t before, char32_t after) const {
  const auto target = [](std::uint32_t at, std::int32_t by) {
    return static_cast<std::uint32_t>(static_cast<std::int32_t>(at) + by);
  };
  std::vector<std::uint32_t> stack = {start};
  while (!stack.empty()) {
    const std::uint32_t at = stack.back();
    stack.pop_back();
    if (threads.seen[at]) continue;
    threads.seen[at] = true;
    const Step& step = steps_[at];
    if (step.op != Op::kRunes) threads.passed.push_back(at);
    switch (step.op) {
      case Op::kRunes:
        threads.list.push_back(at);
        break;
      case Op::kMatch:
        threads.matched = true;
        break;
      case Op::kJump:
        stack.push_back(target(at, step.first));
        break;
      case Op::kSplit:
        stack.push_back(target(at, step.second));
        stack.push_back(target(at, step.first));
        break;
      case Op::kAssert: {
        const auto isWord = [](char32_t rune) { return rune != kNone && isWordRune(rune); };
        const bool edge = isWord(before) != isWord(after);
        bool holds = false;
        switch (step.where) {
          case Where::kTextStart:
            holds = before == kNone;
            break;
          case Where::kTextEnd:
            holds = after == kNone;
            break;
          case Where::kLineStart:
            holds = before == kNone || before == '\n';
            break;
          case Where::kLineEnd:
            holds = after == kNone || after == '\n';
            break;
          case Where::kWordEdge:
            holds = edge;
            break;
          case Where::kNoWordEdge:
            holds = !edge;
            break;
        }
        if (holds) stack.push_back(at + 1);
        break;
      }
    }
  }
}

bool Regex::search(std::string_view text) const {
  Threads now(steps_.size()), next(steps_.size());
  const char* at = text.data();
  const char* const end = at + text.size();
  const auto peek = [&](const char* from) {
    return from < end ? json::decodeRune(from, end).value : kNone;
  };
  char32_t before = kNone;
  for (;;) {
    const char32_t rune = peek(at);
    add(now, 0, before, rune);  // a match may begin anywhere
    if (now.matched) return true;
    if (at >= end) return false;
    at += json::decodeRune(at, end).length;
    const char32_t after = peek(at);
    for (const std::uint32_t step : now.list) {
      const auto& ranges = classes_[static_cast<size_t>(steps_[step].first)];
      const bool hit = std::any_of(ranges.begin(), ranges.end(), [rune](const Range& range) {
        return rune >= range.first && rune <= range.second;
      });
      if (hit) add(next, step + 1, rune, after);
    }
    if (next.matched) return true;
    now.clear();
    std::swap(now, next);
    before = rune;
  }
}

}  // namespace dockerapi
