// Regular expressions in Go's (RE2's) syntax, for name filters: matched in linear time whatever the
// pattern, since both pattern and text come from clients. Captures and Unicode classes (\pL) are
// not supported.
#pragma once

#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

namespace dockerapi {

class Regex {
 public:
  // Error kInvalidArgument "error parsing regexp: …".
  explicit Regex(std::string_view pattern);

  // True: it matches somewhere in `text`, as Go's MatchString.
  bool search(std::string_view text) const;

 private:
  friend class RegexCompiler;
  using Range = std::pair<char32_t, char32_t>;
  enum class Op : std::uint8_t { kRunes, kSplit, kJump, kAssert, kMatch };
  enum class Where : std::uint8_t {
    kTextStart,
    kTextEnd,
    kLineStart,
    kLineEnd,
    kWordEdge,
    kNoWordEdge
  };
  struct Step {
    Op op;
    Where where = Where::kTextStart;
    std::int32_t first = 0;   // kRunes: index of its class; kSplit, kJump: where to go, from here
    std::int32_t second = 0;  // kSplit: the other way
  };
  struct Threads;

  void add(Threads& threads, std::uint32_t step, char32_t before, char32_t after) const;

  std::vector<Step> steps_;
  std::vector<std::vector<Range>> classes_;
};

}  // namespace dockerapi
