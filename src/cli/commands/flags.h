// Command-line flags as Docker's users know them: --name value, --name=value, -n value, -nvalue,
// -n=value, bundles of switches (-itd), --switch=false, "--" as the end; errors in the words that
// scripts already match.
//
// Flags are declared as constant tables (one a command), so that nothing runs at start-up:
//
//   constexpr Flag kFlags[] = {{"force", 'f', Kind::kBool, "", "Force the removal of a running
//   container (uses SIGKILL)"}}; Flags flags({kFlags}); auto rest = flags.parse(args, true); if
//   (flags.on("force")) …
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace commands {

// What a value must look like. The check happens while parsing, so that a wrong value is told with
// its flag's name.
enum class Kind : std::uint8_t {
  kBool,
  kString,
  kInt,  // Go's ParseInt, base prefixes allowed
  kUint16,
  kDuration,   // Go's duration: "1m30s"
  kBytes,      // "512m", in powers of 1024
  kSwapBytes,  // the same, or -1
  kDecimal,    // at most nine decimals, kept as nanos
  kList,       // may be repeated; each value as given
  kStrings,    // may be repeated; each value is a comma-separated list
};

enum Trait : std::uint8_t {
  kNone = 0,
  kHidden = 1,  // accepted, not in help
};

struct Flag {
  const char* name;
  char shorthand;
  Kind kind;
  const char* type;   // the word behind the name in help; "" for switches
  const char* usage;  // as help shows it, default included
  const char* fallback = "";
  // Throws base::Error with what is wrong with one value. Null: any value of the kind will do.
  void (*check)(std::string_view value) = nullptr;
  std::uint8_t traits = kNone;
};

using FlagTable = std::span<const Flag>;

class Flags {
 public:
  Flags(std::initializer_list<FlagTable> tables);
  explicit Flags(std::span<const FlagTable> tables);

  // Reads flags out of `args` and returns the rest. With `interspersed` flags may follow arguments;
  // without, the first argument ends the flags. Error kInvalidArgument in pflag's words. "--help"
  // (and "-h" where no flag has that letter) ends parsing and sets helpAsked().
  std::vector<std::string> parse(std::span<const std::string> args, bool interspersed);

  bool helpAsked() const noexcept { return help_asked_; }
  bool helpByShorthand() const noexcept { return help_by_shorthand_; }

  // Every getter takes a declared name; another one is a mistake of ours: std::logic_error.
  bool changed(std::string_view name) const;
  bool on(std::string_view name) const;
  const std::string& text(std::string_view name) const;  // the last value, or the default
  const std::vector<std::string>& list(std::string_view name) const;
  std::int64_t number(
      std::string_view name) const;  // kInt, kUint16, kDuration (ns), kBytes, kDecimal (nanos)

  // All flags, sorted by name: for help.
  std::vector<const Flag*> sorted() const;

 private:
  struct State {
    const Flag* flag;
    std::vector<std::string> values;
    std::string last;
    bool changed = false;
  };
  State* find(std::string_view name) noexcept;
  const State& at(std::string_view name) const;
  State* findShorthand(char letter) noexcept;
  void set(State& state, const std::string& value);
  bool parseLong(std::span<const std::string> args, size_t& index);
  bool parseShort(std::span<const std::string> args, size_t& index);

  std::vector<State> states_;
  bool help_asked_ = false;
  bool help_by_shorthand_ = false;
};

// One value by Go's rules; Error kInvalidArgument in Go's words.
std::int64_t parseGoInt(std::string_view text, std::string_view function = "ParseInt",
                        std::int64_t low = INT64_MIN, std::int64_t high = INT64_MAX);
// "1.5" -> 1500000000. Errors of Go's big.Rat: "failed to parse x as a rational number", "value is
// too precise".
std::int64_t parseNanoDecimal(std::string_view text);

// The options part of a help page: names, types and texts in columns, wrapped to `width`.
std::string flagUsages(const std::vector<const Flag*>& flags, size_t width);

}  // namespace commands
