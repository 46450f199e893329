#include "engine/container/names.h"

#include <sys/random.h>

#include <array>
#include <cctype>
#include <cstdint>

#include "platform/base/error.h"

namespace container {
namespace {

// Virtues of a boat and its crew, and people who sailed, charted or built.
constexpr std::array<std::string_view, 64> kAdjectives{
    "agile",  "amber",   "ample",   "azure",   "balmy",    "bold",    "brave",    "bright",
    "brisk",  "buoyant", "calm",    "candid",  "clever",   "cordial", "crisp",    "daring",
    "deft",   "eager",   "earnest", "fair",    "fearless", "fleet",   "frank",    "gallant",
    "gentle", "golden",  "hardy",   "hopeful", "jolly",    "keen",    "kind",     "lively",
    "loyal",  "lucid",   "mellow",  "merry",   "mighty",   "nimble",  "noble",    "patient",
    "placid", "plucky",  "proud",   "quick",   "quiet",    "ready",   "robust",   "salty",
    "serene", "sharp",   "silent",  "sleek",   "snug",     "spry",    "steady",   "stout",
    "sunny",  "swift",   "tidy",    "trusty",  "upbeat",   "vivid",   "windward", "zesty"};
constexpr std::array<std::string_view, 64> kSurnames{
    "amundsen", "anson",     "baffin",     "barents",  "barret",    "bering",     "blackwell",
    "bligh",    "bowditch",  "cabot",      "cano",     "cartier",   "chichester", "columbus",
    "cook",     "cousteau",  "cunliffe",   "dampier",  "diaz",      "drake",      "earhart",
    "elcano",   "erikson",   "flinders",   "franklin", "frobisher", "gama",       "halley",
    "harrison", "hartog",    "henry",      "hudson",   "janszoon",  "knox",       "laperouse",
    "lovelace", "macarthur", "magellan",   "maury",    "mercator",  "nansen",     "nordenskiold",
    "ohara",    "parry",     "perry",      "polo",     "ptolemy",   "pytheas",    "quiros",
    "ross",     "scott",     "shackleton", "sharp",    "slocum",    "tabarly",    "tasman",
    "torres",   "vancouver", "vespucci",   "wallis",   "weddell",   "worsley",    "xuande",
    "zheng"};

bool wordCharacter(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0;
}

}  // namespace

std::string checkName(std::string_view name) {
  std::string_view bare = name;
  if (!bare.empty() && bare.front() == '/') bare.remove_prefix(1);
  bool good = bare.size() >= 2 && wordCharacter(bare.front());
  for (const char c : bare) good = good && (wordCharacter(c) || c == '_' || c == '.' || c == '-');
  if (!good) {
    base::fail(base::Code::kInvalidArgument,
               "Invalid container name ({}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed", name);
  }
  return std::string(bare);
}

std::string generateName(int attempt) {
  std::array<std::uint8_t, 4> random{};
  if (getrandom(random.data(), random.size(), 0) != static_cast<ssize_t>(random.size()))
    base::failErrno(errno, "getrandom", "");
  std::string name(kAdjectives[random[0] % kAdjectives.size()]);
  name += '_';
  name += kSurnames[random[1] % kSurnames.size()];
  if (attempt > 0) name += std::to_string((random[2] << 8 | random[3]) % 10000);
  return name;
}

}  // namespace container
