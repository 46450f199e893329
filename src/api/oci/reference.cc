#include "api/oci/reference.h"

#include <algorithm>

#include "platform/base/error.h"
#include "platform/base/strings.h"

namespace oci {

namespace {

constexpr std::string_view kDefaultDomain = "docker.io";
constexpr std::string_view kLegacyDomain = "index.docker.io";
constexpr std::string_view kOfficialPrefix = "library/";
constexpr size_t kMaxPath = 255;

bool isDigit(char c) {
  return c >= '0' && c <= '9';
}
bool isLower(char c) {
  return c >= 'a' && c <= 'z';
}
bool isUpper(char c) {
  return c >= 'A' && c <= 'Z';
}
bool isAlnum(char c) {
  return isDigit(c) || isLower(c) || isUpper(c);
}
bool isHexDigit(char c) {
  return isDigit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

template <class Predicate>
bool all(std::string_view text, Predicate predicate) {
  return std::all_of(text.begin(), text.end(), predicate);
}

// [a-z0-9]+ joined by one of . _ __ or any number of -
bool isPathComponent(std::string_view text) {
  size_t i = 0;
  const auto word = [&] {
    const size_t start = i;
    while (i < text.size() && (isLower(text[i]) || isDigit(text[i]))) ++i;
    return i > start;
  };
  if (!word()) return false;
  while (i < text.size()) {
    if (text[i] == '.') {
      ++i;
    } else if (text[i] == '_') {
      i += text.substr(i).starts_with("__") ? 2 : 1;
    } else if (text[i] == '-') {
      while (i < text.size() && text[i] == '-') ++i;
    } else {
      return false;
    }
    if (!word()) return false;
  }
  return true;
}

bool isPath(std::string_view text) {
  for (const std::string& component : base::split(text, '/'))
    if (!isPathComponent(component)) return false;
  return true;
}

bool isHostName(std::string_view text) {
  for (const std::string& label : base::split(text, '.')) {
    if (label.empty() || !isAlnum(label.front()) || !isAlnum(label.back())) return false;
    if (!all(label, [](char c) { return isAlnum(c) || c == '-'; })) return false;
  }
  return true;
}

// A host name, an address or an IPv6 address in brackets, and perhaps a port.
bool isDomain(std::string_view text) {
  std::string_view host = text;
  const size_t bracket = text.find(']');
  const size_t colon = text.find(':', bracket == text.npos ? 0 : bracket);
  if (colon != text.npos) {
    const std::string_view port = text.substr(colon + 1);
    if (port.empty() || !all(port, isDigit)) return false;
    host = text.substr(0, colon);
  }
  if (host.starts_with('[')) {
    if (!host.ends_with(']') || host.size() < 3) return false;
    return all(host.substr(1, host.size() - 2), [](char c) { return isHexDigit(c) || c == ':'; });
  }
  return isHostName(host);
}

// algorithm:hex, at least 32 digits.
bool isDigestShaped(std::string_view text) {
  const size_t colon = text.find(':');
  if (colon == text.npos) return false;
  const std::string_view hex = text.substr(colon + 1);
  if (hex.size() < 32 || !all(hex, isHexDigit)) return false;
  bool start = true;
  for (const char c : text.substr(0, colon)) {
    if (start ? !(isLower(c) || isUpper(c))
              : !(isAlnum(c) || c == '+' || c == '.' || c == '-' || c == '_'))
      return false;
    start = c == '+' || c == '.' || c == '-' || c == '_';
  }
  return !start;
}

[[noreturn]] void badFormat() {
  base::fail(base::Code::kInvalidArgument, "invalid reference format");
}

base::Digest parseDigest(std::string_view text) {
  if (!isDigestShaped(text)) badFormat();
  if (auto digest = base::Digest::tryParse(text)) return *digest;
  const std::string_view algorithm = text.substr(0, text.find(':'));
  const bool known = algorithm == "sha256" || algorithm == "sha384" || algorithm == "sha512";
  base::fail(base::Code::kInvalidArgument, "{}",
             known ? "invalid checksum digest length" : "unsupported digest algorithm");
}

// The rules that decide whether the first component is a host.
std::pair<std::string_view, std::string> splitDomain(std::string_view text) {
  const size_t slash = text.find('/');
  std::string_view domain = kDefaultDomain;
  std::string_view rest = text;
  if (slash != text.npos) {
    const std::string_view first = text.substr(0, slash);
    if (first == "localhost" || first.find_first_of(".:") != first.npos ||
        base::lower(first) != first) {
      domain = first;
      rest = text.substr(slash + 1);
    }
  }
  if (domain == kLegacyDomain) domain = kDefaultDomain;
  std::string path(rest);
  if (domain == kDefaultDomain && path.find('/') == path.npos) path.insert(0, kOfficialPrefix);
  return {domain, std::move(path)};
}

}  // namespace

bool isTag(std::string_view text) {
  if (text.empty() || text.size() > 128) return false;
  if (!isAlnum(text[0]) && text[0] != '_') return false;
  return all(text, [](char c) { return isAlnum(c) || c == '_' || c == '.' || c == '-'; });
}

Reference Reference::parse(std::string_view text) {
  const auto isLowerHex = [](char c) { return isDigit(c) || (c >= 'a' && c <= 'f'); };
  if (text.size() == 64 && all(text, isLowerHex))
    base::fail(base::Code::kInvalidArgument,
               "invalid repository name ({}), cannot specify 64-byte hexadecimal strings", text);
  auto [domain, rest] = splitDomain(text);
  const std::string repository = rest.substr(0, rest.find(':'));
  if (base::lower(repository) != repository)
    base::fail(base::Code::kInvalidArgument,
               "invalid reference format: repository name ({}) must be lowercase", repository);

  Reference reference;
  std::string_view path = rest;
  if (const size_t at = path.find('@'); at != path.npos) {
    reference.digest_ = parseDigest(path.substr(at + 1));
    path = path.substr(0, at);
  }
  if (const size_t colon = path.find(':'); colon != path.npos) {
    reference.tag_ = path.substr(colon + 1);
    if (!isTag(reference.tag_)) badFormat();
    path = path.substr(0, colon);
  }
  if (!isDomain(domain) || !isPath(path)) badFormat();
  if (path.size() > kMaxPath)
    base::fail(base::Code::kInvalidArgument, "repository name must not be more than {} characters",
               kMaxPath);
  reference.domain_ = domain;
  reference.path_ = path;
  return reference;
}

std::optional<Reference> Reference::tryParse(std::string_view text) {
  try {
    return parse(text);
  } catch (const base::Error&) {
    return std::nullopt;
  }
}

namespace {
std::string withSuffix(std::string name, const std::string& tag, const base::Digest& digest) {
  if (!tag.empty()) name += ":" + tag;
  if (!digest.empty()) name += "@" + digest.str();
  return name;
}
}  // namespace

std::string Reference::str() const {
  return withSuffix(name(), tag_, digest_);
}

std::string Reference::familiarName() const {
  if (domain_ != kDefaultDomain) return name();
  if (path_.starts_with(kOfficialPrefix)) {
    const std::string rest = path_.substr(kOfficialPrefix.size());
    if (rest.find('/') == rest.npos) return rest;
  }
  return path_;
}

std::string Reference::familiar() const {
  return withSuffix(familiarName(), tag_, digest_);
}

Reference Reference::withDefaultTag() const {
  return isNameOnly() ? withTag("latest") : *this;
}

Reference Reference::withTag(std::string_view tag) const {
  if (!isTag(tag)) base::fail(base::Code::kInvalidArgument, "invalid tag format");
  Reference result = *this;
  result.tag_ = tag;
  return result;
}

Reference Reference::withDigest(const base::Digest& digest) const {
  Reference result = *this;
  result.digest_ = digest;
  return result;
}

Reference Reference::nameOnly() const {
  Reference result = *this;
  result.tag_.clear();
  result.digest_ = {};
  return result;
}

bool Reference::matches(std::string_view pattern) const {
  return matchPath(pattern, familiar()) || matchPath(pattern, familiarName());
}

namespace {

[[noreturn]] void badPattern() {
  base::fail(base::Code::kInvalidArgument, "syntax error in pattern");
}

// One [class] at the start of `pattern`, which is cut off; true: it holds `c`.
bool matchClass(std::string_view& pattern, char c) {
  const auto next = [&] {
    if (pattern.empty() || pattern[0] == '-' || pattern[0] == ']') badPattern();
    if (pattern[0] == '\\') pattern.remove_prefix(1);
    if (pattern.empty()) badPattern();
    const char result = pattern[0];
    pattern.remove_prefix(1);
    if (pattern.empty()) badPattern();
    return static_cast<unsigned char>(result);
  };
  pattern.remove_prefix(1);
  const bool negated = pattern.starts_with('^');
  if (negated) pattern.remove_prefix(1);
  bool found = false;
  for (bool first = true; first || !pattern.starts_with(']'); first = false) {
    const unsigned char low = next();
    unsigned char high = low;
    if (pattern.starts_with('-')) {
      pattern.remove_prefix(1);
      high = next();
    }
    found =
        found || (static_cast<unsigned char>(c) >= low && static_cast<unsigned char>(c) <= high);
  }
  pattern.remove_prefix(1);
  return found != negated;
}

// Walks the rest of a pattern only to find its errors.
void checkPattern(std::string_view pattern) {
  while (!pattern.empty()) {
    if (pattern[0] == '[') {
      matchClass(pattern, 'x');
      continue;
    }
    if (pattern[0] == '\\') pattern.remove_prefix(1);
    if (pattern.empty()) badPattern();
    pattern.remove_prefix(1);
  }
}

// One element of the pattern that is no star; both are cut when it matches.
bool matchOne(std::string_view& pattern, std::string_view& text) {
  if (text.empty()) return false;
  if (pattern[0] == '[') {
    if (!matchClass(pattern, text[0])) return false;
  } else if (pattern[0] == '?') {
    if (text[0] == '/') return false;
    pattern.remove_prefix(1);
  } else {
    if (pattern[0] == '\\') pattern.remove_prefix(1);
    if (pattern[0] != text[0]) return false;
    pattern.remove_prefix(1);
  }
  text.remove_prefix(1);
  return true;
}

}  // namespace

bool matchPath(std::string_view pattern, std::string_view text) {
  checkPattern(pattern);
  // The last star is the only one that has to be tried again.
  std::optional<std::string_view> starPattern;
  std::string_view starText;
  while (!pattern.empty() || !text.empty()) {
    if (!pattern.empty() && pattern[0] == '*') {
      pattern.remove_prefix(1);
      starPattern = pattern;
      starText = text;
      continue;
    }
    if (!pattern.empty() && matchOne(pattern, text)) continue;
    if (!starPattern || starText.empty() || starText[0] == '/') return false;
    starText.remove_prefix(1);
    pattern = *starPattern;
    text = starText;
  }
  return true;
}

}  // namespace oci
