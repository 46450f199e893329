#include "platform/gotemplate/gotemplate.h"

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "platform/base/error_test_util.h"
#include "platform/gotemplate/docker_format.h"
#include "platform/json/list.h"

namespace gotemplate {
namespace {

// Everything here is refused as an invalid argument.
template <class Body>
std::string errorOf(Body&& body) {
  return base::test::errorOf(body, base::Code::kInvalidArgument);
}

struct Port {
  std::string hostIp = "0.0.0.0";
  int hostPort = 80;
};
constexpr auto jsonFields(const Port*) {
  return json::fields(json::goName("nat.PortBinding"), json::field("HostIp", &Port::hostIp),
                      json::field("HostPort", &Port::hostPort));
}

struct Container {
  std::string id = "0123456789abcdef";
  std::string name = "/web";
  std::vector<std::string> args = {"-c", "sleep 10"};
  json::List<std::string> capAdd;
  json::Map<std::string> labels = {{"b", "2"}, {"a", "1"}};
  json::Map<std::vector<Port>> ports = {{"80/tcp", {Port{}}}};
  std::optional<std::int64_t> swappiness;
  std::optional<Port> first;
  std::int64_t memory = 1 << 20;
  double load = 1.5;
  bool running = true;
  json::Set volumes = {"/data"};
  std::vector<std::string> execs;
};
constexpr auto jsonFields(const Container*) {
  return json::fields(
      json::goName("container.InspectResponse"), json::field("Id", &Container::id),
      json::field("Name", &Container::name), json::field("Args", &Container::args),
      json::field("CapAdd", &Container::capAdd),
      json::field("Labels", &Container::labels, json::kOmitEmpty),
      json::field("Ports", &Container::ports), json::field("Swappiness", &Container::swappiness),
      json::field("First", &Container::first, json::kOmitEmpty),
      json::field("Memory", &Container::memory), json::field("Load", &Container::load),
      json::field("Running", &Container::running), json::field("Volumes", &Container::volumes),
      json::field("ExecIDs", &Container::execs, json::kNullIfEmpty));
}

// What docker 28.2 printed or complained about for the same template.
TEST(Template, DoesWhatDockersDoes) {
  std::ifstream file(SAMPAN_SOURCE_DIR "/src/platform/gotemplate/testdata/docker.json");
  ASSERT_TRUE(file);
  std::stringstream text;
  text << file.rdbuf();
  const json::Value cases = json::Value::parse(text.str());
  ASSERT_GT(cases.size(), 100u);
  const Data nothing = Data::parse("{}");
  for (const json::Value& test : cases.asArray()) {
    const std::string& source = test["template"].asString();
    std::string got;
    const std::string error = errorOf(
        [&] { got = Template::parse(source).execute(nothing, {.missingKeyIsError = true}); });
    if (const json::Value* expected = test.find("error")) {
      EXPECT_EQ(error, expected->asString()) << source;
    } else {
      EXPECT_EQ(error, "no error") << source;
      EXPECT_EQ(got, test["text"].asString()) << source;
    }
  }
}

TEST(Template, PrintsStructsMapsAndNilsAsGo) {
  const Container container;
  const Data data = Data::of(container);
  const std::pair<const char*, const char*> cases[] = {
      {"{{.Id}}", "0123456789abcdef"},
      {"{{.Args}} {{.CapAdd}} {{.ExecIDs}}", "[-c sleep 10] [] []"},
      {"{{.Labels}} {{.Labels.a}} {{.Labels.x}}", "map[a:1 b:2] 1 <no value>"},
      {"{{.Ports}}", "map[80/tcp:[{0.0.0.0 80}]]"},
      {"{{(index .Ports \"80/tcp\" 0).HostPort}}", "80"},
      {"{{.Swappiness}} {{.First}}", "<nil> <nil>"},
      {"{{.Volumes}}", "map[/data:{}]"},
      {"{{.Memory}} {{.Load}} {{.Running}}", "1048576 1.5 true"},
      {"{{printf \"%d %.1f %T\" .Memory .Load .Args}}", "1048576 1.5 []string"},
      {"{{json .Labels}} {{json .CapAdd}} {{json .ExecIDs}} {{json .Swappiness}}",
       R"({"a":"1","b":"2"} null null null)"},
      {"{{range $k, $v := .Labels}}{{$k}}={{$v}},{{end}}", "a=1,b=2,"},
      {"{{with .First}}x{{else}}none{{end}}", "none"},
      {"{{index .Labels \"x\"}}|", "|"},
  };
  for (const auto& [source, expected] : cases)
    EXPECT_EQ(Template::parse(source).execute(data), expected) << source;
  EXPECT_EQ(Template::parse("{{json .}}").execute(data), json::write(container));
}

TEST(Template, NamesTypesInErrors) {
  const Data data = Data::of(Container{});
  const std::pair<const char*, const char*> cases[] = {
      {"{{.Foo}}",
       "template: :1:2: executing \"\" at <.Foo>: can't evaluate field Foo in type "
       "container.InspectResponse"},
      {"{{.Id.Foo}}",
       "template: :1:5: executing \"\" at <.Id.Foo>: can't evaluate field Foo in type string"},
      {"{{.First.HostIp}}",
       "template: :1:8: executing \"\" at <.First.HostIp>: nil pointer evaluating *nil.HostIp"},
      {"{{.Id 3}}",
       "template: :1:2: executing \"\" at <.Id>: Id has arguments but cannot be invoked as "
       "function"},
      {"{{join .Id \",\"}}",
       "template: :1:7: executing \"\" at <.Id>: wrong type for value; expected []string; got "
       "string"},
      {"{{upper .Memory}}",
       "template: :1:8: executing \"\" at <.Memory>: wrong type for value; expected string; got "
       "int"},
  };
  for (const auto& [source, error] : cases)
    EXPECT_EQ(errorOf([&, text = source] { Template::parse(text).execute(data); }), error)
        << source;
  EXPECT_EQ(errorOf([] {
              Template::parse("x\n  {{.A.B}}", "version").execute(Data::parse(R"({"A":null})"));
            }),
            "template: version:2:6: executing \"version\" at <.A.B>: nil pointer evaluating "
            "interface {}.B");
}

TEST(Template, UnknownJsonIsMapsWithoutTypes) {
  const Data data = Data::parse(R"({"z":1.50,"a":[{"b":null}],"n":null,"s":"x"})");
  const auto run = [&](const char* source) { return Template::parse(source).execute(data); };
  EXPECT_EQ(run("{{.}}"), "map[a:[map[b:<nil>]] n:<nil> s:x z:1.50]");
  EXPECT_EQ(run("{{.n}} {{.nope}} {{.z}}"), "<no value> <no value> 1.50");
  EXPECT_EQ(run("{{printf \"%s\" .z}}"), "1.50");
  EXPECT_EQ(run("{{range .n}}x{{else}}none{{end}}"), "none");
}

TEST(Template, IsSafeAgainstDepthAndLoops) {
  EXPECT_NE(errorOf([] { Template::parse("{{" + std::string(100'000, '(')); }), "no error");
  std::string nested;
  for (int i = 0; i < 20'000; ++i) nested += "{{if true}}";
  EXPECT_NE(errorOf([&] { Template::parse(nested); }), "no error");
  EXPECT_EQ(
      errorOf([] {
        Template::parse(R"({{define "x"}}{{template "x"}}{{end}}{{template "x"}})").execute(Data());
      }),
      "template: :1:25: executing \"x\" at <{{template \"x\"}}>: exceeded maximum template depth "
      "(1000)");
  EXPECT_NE(errorOf([] { Template::parse("{{range 9000000000000}}{{end}}").execute(Data()); }),
            "no error");
}

StructType contextType() {
  return {
      "*formatter.ContainerContext",
      {{"Label", {{Parameter::kString}, [](const Data& receiver, std::span<const Data> arguments) {
                    const Data* label = receiver.find("Labels")->find(arguments[0].text());
                    return label ? *label : Data("");
                  }}}}};
}

TEST(ListFormat, TablesRowsAndMethods) {
  const StructType type = contextType();
  const Data row = Data::structure({{"ID", Data("0123")},
                                    {"Names", Data("web")},
                                    {"Labels", Data::map({{"com.example.my-key", Data("v")}})}},
                                   &type);
  const std::map<std::string, std::string> headers = {{"ID", "CONTAINER ID"}, {"Names", "NAMES"}};
  struct Case {
    const char *format, *header, *row;
  };
  const Case cases[] = {
      {"table {{.ID}}\\t{{.Names}}", "CONTAINER ID\tNAMES", "0123\tweb"},
      {"table {{upper .Names}}\\t{{pad .ID 1 2}}\\t{{json .Names}}\\t{{truncate .ID 3}}",
       "NAMES\t CONTAINER ID  \tNAMES\tCONTAINER ID", "WEB\t 0123  \t\"web\"\t012"},
      {"table {{.Label \"com.example.my-key\"}}", "my key", "v"},
      {"table {{json .}}", "",
       R"({"ID":"0123","Names":"web","Labels":{"com.example.my-key":"v"}})"},
      {"table {{join (split .Names \"e\") \",\"}}", "NAMES", "w,b"},
      {"tablex", "x", "x"},
  };
  for (const Case& test : cases) {
    const ListFormat format = ListFormat::parse(test.format);
    EXPECT_TRUE(format.isTable());
    EXPECT_EQ(format.header(headers), test.header) << test.format;
    EXPECT_EQ(format.row(row), test.row) << test.format;
  }
  EXPECT_FALSE(ListFormat::parse(" table {{.ID}}").isTable());
  EXPECT_EQ(ListFormat::parse("a\\tb\\nc{{.Names}}").row(row), "a\tb\ncweb");
  EXPECT_EQ(ListFormat::parse("json").row(row), row.json());
  EXPECT_EQ(errorOf([&] { ListFormat::parse("{{.ID"); }),
            "template parsing error: template: :1: unclosed action");
  EXPECT_EQ(errorOf([&] { ListFormat::parse("table {{.Foo}}").row(row); }),
            "template parsing error: template: :1:2: executing \"\" at <.Foo>: can't evaluate "
            "field Foo in type "
            "*formatter.ContainerContext");
  EXPECT_EQ(errorOf([&] { ListFormat::parse("{{.Label}}").row(row); }),
            "template parsing error: template: :1:2: executing \"\" at <.Label>: wrong number of "
            "args for Label: want 1 got 0");
  EXPECT_EQ(
      errorOf([&] { ListFormat::parse("{{.Label 3}}").row(row); }),
      "template parsing error: template: :1:9: executing \"\" at <3>: expected string; found 3");
}

TEST(ListFormat, PsProbesTheFormatAsWritten) {
  const StructType type = contextType();
  const Data empty = Data::structure({{"ID", Data("")}}, &type);
  probeFormat("table {{.ID}}", empty);
  EXPECT_EQ(errorOf([&] { probeFormat("{{.ID", empty); }),
            "failed to parse template: template: :1: unclosed action");
  EXPECT_EQ(errorOf([&] { probeFormat("table {{.Foo}}", empty); }),
            "failed to execute template: template: :1:8: executing \"\" at <.Foo>: can't evaluate "
            "field Foo in type "
            "*formatter.ContainerContext");
}

TEST(InspectFormat, FallsBackToTheDaemonsText) {
  const Container container;
  const Data typed = Data::of(container);
  const std::string raw = R"({"Id":"0123456789abcdef","New":{"x":1}})";
  EXPECT_EQ(inspectRow(parseInspectFormat("{{.Id}}"), typed, raw), "0123456789abcdef");
  EXPECT_EQ(inspectRow(parseInspectFormat("{{.New.x}}"), typed, raw), "1");
  EXPECT_EQ(errorOf([&] { inspectRow(parseInspectFormat("{{.Foo}}"), typed, raw); }),
            "template parsing error: template: :1:2: executing \"\" at <.Foo>: map has no entry "
            "for key \"Foo\"");
  EXPECT_EQ(errorOf([&] { inspectRow(parseInspectFormat("{{.Foo}}"), typed, ""); }),
            "template parsing error: template: :1:2: executing \"\" at <.Foo>: can't evaluate "
            "field Foo in type "
            "container.InspectResponse");
  EXPECT_EQ(errorOf([&] { parseInspectFormat("{{foo}}"); }),
            "template parsing error: template: :1: function \"foo\" not defined");
}

}  // namespace
}  // namespace gotemplate
