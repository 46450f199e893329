#include "engine/server/router.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace server {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;

Router make(std::vector<std::pair<std::string_view, std::string_view>> routes) {
  Router router;
  for (const auto& [method, pattern] : routes) {
    router.add(Route{method, pattern, http::Lane::kQuick, 0, {}});
  }
  return router;
}

TEST(Router, MatchesLiteralsAndParameters) {
  const Router router = make({{"GET", "/containers/json"}, {"GET", "/containers/{name}/json"}});
  EXPECT_THAT(router.match("GET", "/containers/json").params, IsEmpty());
  EXPECT_THAT(router.match("GET", "/containers/a b/json").params, ElementsAre(Pair("name", "a b")));
  for (const char* none : {"/containers/a/b/json", "/containers//json", "/containers/a", "/",
                           "/containers/json/", ""}) {
    EXPECT_EQ(router.match("GET", none).route, nullptr) << none;
  }
  EXPECT_EQ(router.match("POST", "/containers/json").route, nullptr);
}

TEST(Router, RestTakesSlashes) {
  const Router router = make({{"GET", "/images/json"},
                              {"GET", "/images/{name:.*}/json"},
                              {"DELETE", "/images/{name:.*}"}});
  EXPECT_THAT(router.match("GET", "/images/h:1/a/b:tag/json").params,
              ElementsAre(Pair("name", "h:1/a/b:tag")));
  EXPECT_THAT(router.match("GET", "/images/json/json").params, ElementsAre(Pair("name", "json")));
  EXPECT_THAT(router.match("DELETE", "/images/a/json").params, ElementsAre(Pair("name", "a/json")));
  EXPECT_EQ(router.match("GET", "/images//json").route, nullptr);
  EXPECT_EQ(router.match("DELETE", "/images/").route, nullptr);
}

TEST(Router, VersionsAreTakenOff) {
  const Router router = make({{"GET", "/info"}});
  EXPECT_EQ(router.match("GET", "/v1.41/info").version, "1.41");
  EXPECT_NE(router.match("GET", "/v1.41/info").route, nullptr);
  EXPECT_NE(router.match("GET", "/v9/info").route, nullptr);
  EXPECT_EQ(router.match("GET", "/v/info").route, nullptr);
  EXPECT_EQ(router.match("GET", "/vx.1/info").route, nullptr);
  EXPECT_EQ(router.match("GET", "/v1.41").route, nullptr);
}

TEST(Router, RoutesHaveABeginning) {
  Router router;
  router.add(Route{"POST", "/build/prune", http::Lane::kQuick, 31, {}});
  EXPECT_EQ(router.match("POST", "/v1.30/build/prune").route, nullptr);
  EXPECT_NE(router.match("POST", "/v1.31/build/prune").route, nullptr);
  EXPECT_NE(router.match("POST", "/build/prune").route, nullptr);
}

}  // namespace
}  // namespace server
