#include <algorithm>
#include <cctype>

#include "platform/base/strings.h"
#include "storage/registry/registry.h"

namespace registry {
namespace {

std::string_view takeToken(std::string_view& text) {
  size_t length = 0;
  while (length < text.size() &&
         (std::isalnum(static_cast<unsigned char>(text[length])) ||
          std::string_view("-._~+/!#$%&'*^`|").find(text[length]) != std::string_view::npos))
    ++length;
  const auto token = text.substr(0, length);
  text.remove_prefix(length);
  return token;
}

void skip(std::string_view& text, std::string_view characters) {
  while (!text.empty() && characters.find(text.front()) != std::string_view::npos)
    text.remove_prefix(1);
}

std::string takeValue(std::string_view& text) {
  if (text.empty() || text.front() != '"') return std::string(takeToken(text));
  text.remove_prefix(1);
  std::string value;
  while (!text.empty() && text.front() != '"') {
    if (text.front() == '\\' && text.size() > 1) text.remove_prefix(1);
    value += text.front();
    text.remove_prefix(1);
  }
  if (!text.empty()) text.remove_prefix(1);
  return value;
}

bool isAddress(const std::string& host) {
  return host.find(':') != std::string::npos ||
         host.find_first_not_of("0123456789.") == std::string::npos;
}

// "auth.docker.io" -> "docker.io"; "a.example.co.uk" -> "example.co.uk". Without a list of public
// suffixes a short second level is taken for a part of the suffix, which errs on the side of
// showing nothing.
std::string registeredDomain(const std::string& host) {
  auto labels = base::split(host, '.');
  if (labels.size() < 2) return {};
  const bool shortSecond =
      labels.size() >= 2 && labels[labels.size() - 2].size() <= 3 && labels.back().size() <= 3;
  const size_t keep = shortSecond ? 3 : 2;
  if (labels.size() < keep) return {};
  labels.erase(labels.begin(), labels.end() - static_cast<std::ptrdiff_t>(keep));
  return base::join(labels, ".");
}

}  // namespace

std::vector<Challenge> parseChallenges(std::string_view header) {
  std::vector<Challenge> challenges;
  skip(header, " ,\t");
  while (!header.empty() && challenges.size() < 16) {
    const auto word = takeToken(header);
    if (word.empty()) break;
    skip(header, " \t");
    if (!header.empty() && header.front() == '=' &&
        !challenges.empty()) {  // a parameter of the last scheme
      header.remove_prefix(1);
      skip(header, " \t");
      const std::string key = base::lower(word);
      std::string value = takeValue(header);
      Challenge& last = challenges.back();
      if (key == "realm")
        last.realm = std::move(value);
      else if (key == "service")
        last.service = std::move(value);
      else if (key == "scope")
        last.scope = std::move(value);
      else if (key == "error")
        last.error = std::move(value);
    } else {
      challenges.push_back({base::lower(word), {}, {}, {}, {}});
    }
    skip(header, " ,\t");
  }
  return challenges;
}

bool mayShowCredentials(const http::Url& registry, const http::Url& realm) {
  if (registry.scheme == "https" && realm.scheme != "https") return false;
  const std::string ours = base::lower(registry.host);
  const std::string theirs = base::lower(realm.host);
  if (ours == theirs) return true;
  if (realm.scheme != "https" || isAddress(ours) || isAddress(theirs)) return false;
  const std::string domain = registeredDomain(ours);
  return !domain.empty() && domain == registeredDomain(theirs);
}

}  // namespace registry
