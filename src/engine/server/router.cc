#include "engine/server/router.h"

#include <algorithm>

#include "api/dockerapi/versions.h"

namespace server {
namespace {

constexpr std::string_view kRest = ":.*}";

std::vector<std::string_view> cutPath(std::string_view path) {
  std::vector<std::string_view> pieces;
  path.remove_prefix(path.starts_with('/') ? 1 : 0);
  for (;;) {
    const auto slash = path.find('/');
    pieces.push_back(path.substr(0, slash));
    if (slash == std::string_view::npos) return pieces;
    path.remove_prefix(slash + 1);
  }
}

bool isRest(std::string_view piece) {
  return piece.starts_with('{') && piece.ends_with(kRest);
}
bool isParam(std::string_view piece) {
  return piece.starts_with('{') && piece.ends_with('}');
}

std::string_view nameOf(std::string_view piece) {
  piece.remove_prefix(1);
  return piece.substr(0, piece.find_first_of(":}"));
}

bool fitsPiece(std::string_view pattern, std::string_view text, Context::Params& params) {
  if (!isParam(pattern)) return pattern == text;
  if (text.empty()) return false;
  params.emplace_back(nameOf(pattern), text);
  return true;
}

// "/v1.41/info" -> {"1.41", "/info"}.
std::pair<std::string_view, std::string_view> cutVersion(std::string_view path) {
  if (!path.starts_with("/v")) return {{}, path};
  const auto end = path.find('/', 2);
  if (end == std::string_view::npos || end == 2) return {{}, path};
  const std::string_view version = path.substr(2, end - 2);
  if (version.find_first_not_of("0123456789.") != std::string_view::npos) return {{}, path};
  return {version, path.substr(end)};
}

}  // namespace

void Router::add(Route route) {
  std::vector<std::string_view> pieces = cutPath(route.pattern);
  routes_.push_back({std::move(route), std::move(pieces)});
}

void Router::add(std::vector<Route> routes) {
  for (Route& route : routes) add(std::move(route));
}

bool Router::fits(const Entry& entry, std::string_view path, Context::Params& params) {
  const std::vector<std::string_view> texts = cutPath(path);
  const std::vector<std::string_view>& pieces = entry.pieces;
  const auto rest = std::find_if(pieces.begin(), pieces.end(), isRest);
  const auto before = static_cast<size_t>(rest - pieces.begin());
  for (size_t i = 0; i < before; ++i) {
    if (i >= texts.size() || !fitsPiece(pieces[i], texts[i], params)) return false;
  }
  if (rest == pieces.end()) return texts.size() == pieces.size();
  const size_t after = pieces.size() - before - 1;
  if (texts.size() < before + 1 + after) return false;
  for (size_t i = 0; i < after; ++i) {
    const std::string_view text = texts[texts.size() - after + i];
    if (!fitsPiece(pieces[before + 1 + i], text, params)) return false;
  }
  const char* const first = texts[before].data();
  const std::string_view& last = texts[texts.size() - after - 1];
  const std::string_view value(first, static_cast<size_t>(last.data() + last.size() - first));
  return fitsPiece(*rest, value, params);
}

Router::Match Router::match(std::string_view method, std::string_view path) const {
  Match match;
  const auto [version, rest] = cutVersion(path);
  match.version = version;
  const auto parsed = version.empty()
                          ? dockerapi::kMaxVersion
                          : dockerapi::ApiVersion::parse(version).value_or(dockerapi::ApiVersion{});
  for (const Entry& entry : routes_) {
    if (entry.route.method != method) continue;
    if (parsed < dockerapi::ApiVersion{1, entry.route.sinceMinor} &&
        parsed >= dockerapi::kMinVersion) {
      continue;
    }
    match.params.clear();
    if (!fits(entry, rest, match.params)) continue;
    match.route = &entry.route;
    return match;
  }
  return match;
}

}  // namespace server
