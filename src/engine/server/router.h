// The table of routes: every path of the API with and without "/v1.NN" in front.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/server/context.h"
#include "platform/http/server.h"

namespace server {

// A pattern is a path whose pieces may be "{name}" (one segment) or, once, "{name:.*}" (anything,
// also slashes).
struct Route {
  std::string_view method;
  std::string_view pattern;
  http::Lane lane = http::Lane::kQuick;
  int sinceMinor = 0;  // unknown to clients of older versions
  std::function<void(Context&)> handle;
  // Where what is asked for decides: the lane instead of `lane`.
  std::function<http::Lane(const http::Request&)> laneFor = {};
};

class Router {
 public:
  void add(Route route);
  void add(std::vector<Route> routes);

  struct Match {
    const Route* route = nullptr;  // null: no such page
    std::string_view version;      // as given, without the "v"; empty: unversioned
    Context::Params params;
  };
  // The first route in order of addition that fits method and path.
  Match match(std::string_view method, std::string_view path) const;
  size_t size() const noexcept { return routes_.size(); }

 private:
  struct Entry {
    Route route;
    std::vector<std::string_view> pieces;  // of the pattern, between slashes
  };
  static bool fits(const Entry& entry, std::string_view path, Context::Params& params);

  std::vector<Entry> routes_;
};

}  // namespace server
