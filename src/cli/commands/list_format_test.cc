#include "cli/commands/list_format.h"

#include <gtest/gtest.h>

#include "cli/commands/ports_text.h"
#include "cli/commands/stats_row.h"
#include "platform/base/error.h"

namespace commands {
namespace {

constexpr Column kColumns[] = {{"ID", "CONTAINER ID"}, {"Image", "IMAGE"}, {"Names", "NAMES"}};

const ListView& view() {
  static const ListView it{kColumns, {"ID", "Image", "Names"}, "*formatter.ContainerContext"};
  return it;
}

std::vector<Row> rows() {
  return {{json::Value{{"ID", "0123456789ab"}, {"Image", "a<b"}, {"Names", "n"}},
           {{"com.x.my-key", "v"}}}};
}

TEST(RenderList, DefaultTable) {
  EXPECT_EQ(renderList(view(), "", rows()),
            "CONTAINER ID   IMAGE     NAMES\n0123456789ab   a<b       n\n");
  EXPECT_EQ(renderList(view(), "table", {}), "CONTAINER ID   IMAGE     NAMES\n");
}

TEST(RenderList, TableOfATemplate) {
  EXPECT_EQ(renderList(view(), "table {{.Names}}\\t{{upper .Image}}", rows()),
            "NAMES     IMAGE\nn         A<B\n");
  EXPECT_EQ(renderList(view(), "table {{.Label \"com.x.my-key\"}}\\t{{.ID}}", rows()),
            "my key    CONTAINER ID\nv         0123456789ab\n");
}

TEST(RenderList, JsonEscapesAsGoDoes) {
  EXPECT_EQ(renderList(view(), "json", rows()),
            "{\"ID\":\"0123456789ab\",\"Image\":\"a\\u003cb\",\"Names\":\"n\"}\n");
  EXPECT_EQ(renderList(view(), "{{json .Image}}", rows()), "\"a<b\"\n");
}

TEST(RenderList, PlainTemplate) {
  EXPECT_EQ(renderList(view(), "{{.ID}}: {{.Names}}", rows()), "0123456789ab: n\n");
}

TEST(RenderList, UnknownFieldIsTold) {
  try {
    renderList(view(), "{{.Nope}}", rows());
    FAIL();
  } catch (const base::Error& error) {
    EXPECT_EQ(error.message(),
              "template parsing error: template: :1:2: executing \"\" at <.Nope>: can't "
              "evaluate field Nope in type *formatter.ContainerContext");
  }
}

TEST(Ellipsis, CountsCharacters) {
  EXPECT_EQ(ellipsis("abcdef", 6), "abcdef");
  EXPECT_EQ(ellipsis("abcdefg", 6), "abcde…");
  EXPECT_EQ(ellipsis("äöüäöüä", 4), "äöü…");
}

TEST(NaturalLess, NumbersByValue) {
  EXPECT_TRUE(naturalLess("a2", "a10"));
  EXPECT_FALSE(naturalLess("a10", "a2"));
  EXPECT_TRUE(naturalLess("a", "ab"));
  EXPECT_FALSE(naturalLess("a", "a"));
}

json::Value port(int inside, const char* ip = nullptr, int outside = 0, const char* type = "tcp") {
  json::Value value{{"PrivatePort", inside}, {"Type", type}};
  if (ip) value.set("IP", ip);
  if (outside) value.set("PublicPort", outside);
  return value;
}

TEST(PortsText, JoinsNeighbours) {
  EXPECT_EQ(portsText({port(80), port(81), port(83)}), "80-81/tcp, 83/tcp");
  EXPECT_EQ(portsText({port(80, "0.0.0.0", 8080), port(80, "::", 8080)}),
            "0.0.0.0:8080->80/tcp, [::]:8080->80/tcp");
  EXPECT_EQ(portsText({port(80, "0.0.0.0", 80), port(81, "0.0.0.0", 81)}),
            "0.0.0.0:80-81->80-81/tcp");
  EXPECT_EQ(portsText({port(53, nullptr, 0, "udp"), port(53)}), "53/tcp, 53/udp");
  EXPECT_EQ(portsText({}), "");
}

TEST(StatsRow, Computes) {
  const json::Value sample = json::Value::parse(
      R"({"name":"/c","id":"0123456789abcdef","read":"2020-01-01T00:00:00Z","pids_stats":{"current":3},)"
      R"("cpu_stats":{"cpu_usage":{"total_usage":300},"system_cpu_usage":2000,"online_cpus":2},)"
      R"("precpu_stats":{"cpu_usage":{"total_usage":200},"system_cpu_usage":1000},)"
      R"("memory_stats":{"usage":3145728,"limit":10485760,"stats":{"inactive_file":1048576}},)"
      R"("networks":{"eth0":{"rx_bytes":1000,"tx_bytes":2500}},)"
      R"("blkio_stats":{"io_service_bytes_recursive":[{"op":"Read","value":4096},{"op":"write","value":0}]}})");
  const json::Value fields = statsRow(sample, "c", true).fields;
  EXPECT_EQ(textAt(fields, "CPUPerc"), "20.00%");
  EXPECT_EQ(textAt(fields, "MemUsage"), "2MiB / 10MiB");
  EXPECT_EQ(textAt(fields, "MemPerc"), "20.00%");
  EXPECT_EQ(textAt(fields, "NetIO"), "1kB / 2.5kB");
  EXPECT_EQ(textAt(fields, "BlockIO"), "4.1kB / 0B");
  EXPECT_EQ(textAt(fields, "PIDs"), "3");
  EXPECT_EQ(textAt(statsRow({}, "c", true).fields, "CPUPerc"), "--");
}

}  // namespace
}  // namespace commands
