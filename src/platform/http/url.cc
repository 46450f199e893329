#include <fmt/format.h>

#include "platform/base/error.h"
#include "platform/base/strings.h"
#include "platform/http/client.h"

namespace http {
namespace {

using base::Code;

int defaultPort(std::string_view scheme) noexcept {
  if (scheme == "https") return 443;
  return scheme == "http" ? 80 : 0;
}

bool isScheme(std::string_view text) noexcept {
  for (const char c : text) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    const bool more = (c >= '0' && c <= '9') || c == '+' || c == '-' || c == '.';
    if (!letter && !more) return false;
  }
  return !text.empty() && !(text[0] >= '0' && text[0] <= '9');
}

void refuseControls(std::string_view text) {
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7f) {
      base::fail(Code::kInvalidArgument, "parse {}: net/url: invalid control character in URL",
                 base::quote(text));
    }
  }
}

// Spaces and bytes outside ASCII cannot stand in a request line.
std::string encodeTarget(std::string_view target) {
  std::string result;
  for (const char c : target) {
    if (static_cast<unsigned char>(c) <= 0x20 || static_cast<unsigned char>(c) >= 0x7f) {
      result += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    } else {
      result += c;
    }
  }
  return result;
}

// Where the first character stands that a name or address cannot hold, or npos; a percent sign may
// have brought it in. It would end up in request lines and Host fields.
size_t notInHost(std::string_view host, bool bracketed) noexcept {
  for (size_t at = 0; at < host.size(); ++at) {
    const auto byte = static_cast<unsigned char>(host[at]);
    const bool colonOrZone = host[at] == ':' || host[at] == '%';
    if (byte <= 0x20 || byte == 0x7f || (!bracketed && colonOrZone)) return at;
    if (std::string_view("<>\"\\^`{|}/?#@[]").find(host[at]) != std::string_view::npos) return at;
  }
  return std::string_view::npos;
}

void parseAuthority(std::string_view authority, std::string_view whole, Url& url) {
  if (const auto at = authority.rfind('@'); at != std::string_view::npos) {
    const auto [user, password] = base::cut(authority.substr(0, at), ':');
    url.user = percentDecode(user);
    url.password = percentDecode(password.value_or(std::string_view()));
    authority.remove_prefix(at + 1);
  }
  std::string_view port;
  const bool bracketed = authority.starts_with('[');
  if (bracketed) {
    const auto end = authority.find(']');
    if (end == std::string_view::npos) {
      base::fail(Code::kInvalidArgument, "parse {}: missing ']' in host", base::quote(whole));
    }
    url.host = authority.substr(1, end - 1);
    port = authority.substr(end + 1);
  } else {
    const auto colon = authority.rfind(':');
    url.host = percentDecode(authority.substr(0, colon));
    if (colon != std::string_view::npos) port = authority.substr(colon);
  }
  if (port.size() > 1) {
    const auto number = base::parseUint(port.substr(1));
    if (port[0] != ':' || !number || *number > 65535) {
      base::fail(Code::kInvalidArgument, "parse {}: invalid port {} after host", base::quote(whole),
                 base::quote(port));
    }
    url.port = static_cast<int>(*number);
  }
  if (const size_t at = notInHost(url.host, bracketed); at != std::string::npos) {
    base::fail(Code::kInvalidArgument, "parse {}: invalid character {} in host name",
               base::quote(whole), base::quote(url.host.substr(at, 1)));
  }
}

// RFC 3986, 5.2.4.
std::string removeDotSegments(std::string_view path) {
  std::vector<std::string> kept;
  bool directory = false;
  for (std::string& segment : base::split(path.substr(path.starts_with('/') ? 1 : 0), '/')) {
    directory = segment == "." || segment == "..";
    if (segment == ".." && !kept.empty()) kept.pop_back();
    if (!directory) kept.push_back(std::move(segment));
  }
  return "/" + base::join(kept, "/") + (directory && !kept.empty() ? "/" : "");
}

}  // namespace

Url Url::parse(std::string_view text) {
  refuseControls(text);
  Url url;
  const std::string_view whole = text;
  text = text.substr(0, text.find('#'));
  const auto mark = text.find("://");
  if (mark == std::string_view::npos || !isScheme(text.substr(0, mark))) {
    base::fail(Code::kInvalidArgument, "parse {}: missing protocol scheme", base::quote(whole));
  }
  url.scheme = base::lower(text.substr(0, mark));
  text.remove_prefix(mark + 3);
  if (url.scheme == "unix") {
    url.target = text.empty() ? "/" : text;
    return url;
  }
  const auto path = text.find_first_of("/?");
  parseAuthority(text.substr(0, path), whole, url);
  if (url.host.empty()) base::fail(Code::kInvalidArgument, "parse {}: no host", base::quote(whole));
  if (url.port == 0) url.port = defaultPort(url.scheme);
  url.target = path == std::string_view::npos ? "" : encodeTarget(text.substr(path));
  if (!url.target.starts_with('/')) url.target.insert(0, "/");
  return url;
}

std::string Url::origin() const {
  if (scheme == "unix") return "unix://";
  const std::string name = host.find(':') == std::string::npos ? host : "[" + host + "]";
  return fmt::format("{}://{}:{}", scheme, name, port);
}

std::string Url::str() const {
  if (scheme == "unix") return "unix://" + target;
  std::string name = host.find(':') == std::string::npos ? host : "[" + host + "]";
  if (port != defaultPort(scheme)) name += fmt::format(":{}", port);
  return scheme + "://" + name + target;
}

Url Url::resolve(std::string_view reference) const {
  reference = reference.substr(0, reference.find('#'));
  const auto mark = reference.find("://");
  if (mark != std::string_view::npos && isScheme(reference.substr(0, mark)))
    return parse(reference);
  if (reference.starts_with("//")) return parse(scheme + ":" + std::string(reference));
  refuseControls(reference);
  Url url = *this;
  const std::string path = target.substr(0, target.find('?'));
  const auto query = reference.find('?');
  const std::string_view referencePath = reference.substr(0, query);
  const std::string referenceQuery =
      query == std::string_view::npos ? "" : std::string(reference.substr(query));
  if (reference.empty()) return url;
  if (referencePath.empty()) {
    url.target = path + encodeTarget(referenceQuery);
  } else if (referencePath.starts_with('/')) {
    url.target = removeDotSegments(encodeTarget(referencePath)) + encodeTarget(referenceQuery);
  } else {
    const std::string merged = path.substr(0, path.rfind('/') + 1) + encodeTarget(referencePath);
    url.target = removeDotSegments(merged) + encodeTarget(referenceQuery);
  }
  return url;
}

}  // namespace http
