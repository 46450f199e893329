#include "platform/json/json.h"

#include <gtest/gtest.h>

#include <limits>

namespace {

struct Limits {
  std::int64_t memory = 0;
  std::optional<bool> oomKillDisable;
};
constexpr auto jsonFields(const Limits*) {
  return json::fields(json::field("Memory", &Limits::memory),
                      json::field("OomKillDisable", &Limits::oomKillDisable));
}

enum class Color { kRed, kGreen };
constexpr auto jsonEnum(const Color*) {
  return json::names<Color>({{Color::kRed, "red"}, {Color::kGreen, "green"}});
}

struct Host {
  std::vector<std::string> binds;
  std::map<std::string, std::string> labels;
  Limits limits;
  std::optional<std::vector<std::string>> env;
  std::array<unsigned, 2> console = {};
  std::uint16_t weight = 0;
};
constexpr auto jsonFields(const Host*) {
  return json::fields(
      json::goName("container.HostConfig"), json::field("Binds", &Host::binds, json::kNullIfEmpty),
      json::field("Labels", &Host::labels, json::kOmitEmpty), json::inlined(&Host::limits),
      json::field("Env", &Host::env), json::field("ConsoleSize", &Host::console),
      json::field("BlkioWeight", &Host::weight, json::kOmitEmpty));
}

struct Create {
  std::string image;
  std::optional<Host> host;
  Color color = Color::kRed;
  base::Time created;
  double ratio = 0;
  json::Raw health;
};
constexpr auto jsonFields(const Create*) {
  return json::fields(json::goName("container.CreateRequest"), json::field("Image", &Create::image),
                      json::field("HostConfig", &Create::host),
                      json::field("Color", &Create::color, json::kOmitEmpty),
                      json::field("Created", &Create::created, json::kOmitZero),
                      json::field("Ratio", &Create::ratio, json::kOmitEmpty),
                      json::field("Health", &Create::health, json::kOmitEmpty));
}

struct Node {
  std::string name;
  std::unique_ptr<Node> next;
  json::Extra others;
};
constexpr auto jsonFields(const Node*) {
  return json::fields(json::field("name", &Node::name),
                      json::field("next", &Node::next, json::kOmitEmpty),
                      json::rest(&Node::others));
}

struct Inner {
  std::string a = "inner a", b = "inner b";
};
constexpr auto jsonFields(const Inner*) {
  return json::fields(json::field("A", &Inner::a), json::field("B", &Inner::b));
}
struct Outer {
  Inner inner;
  std::string a = "outer a";
};
constexpr auto jsonFields(const Outer*) {
  return json::fields(json::inlined(&Outer::inner), json::field("A", &Outer::a));
}

template <class T>
std::string errorOf(std::string_view text, const json::ReadOptions& options = {}) {
  try {
    json::parse<T>(text, options);
  } catch (const base::Error& error) {
    EXPECT_EQ(error.code(), base::Code::kInvalidArgument);
    return error.message();
  }
  return "no error";
}

TEST(Json, WritesFieldsInTableOrderWithNullsWhereAsked) {
  Create create;
  create.image = "busybox";
  EXPECT_EQ(json::write(create), R"({"Image":"busybox","HostConfig":null})");
  create.host.emplace();
  EXPECT_EQ(json::write(create),
            R"({"Image":"busybox","HostConfig":{"Binds":null,"Memory":0,"OomKillDisable":null,)"
            R"("Env":null,"ConsoleSize":[0,0]}})");
  create.host->env.emplace();
  create.host->limits.oomKillDisable = false;
  create.host->labels = {{"b", "2"}, {"a", "1"}, {"B", "3"}};
  create.host->weight = 10;
  create.color = Color::kGreen;
  create.created = base::Time::fromUnix(1700000000, 120000000);
  create.health.text = R"({"Test": ["NONE"]})";
  EXPECT_EQ(json::write(create),
            R"({"Image":"busybox","HostConfig":{"Binds":null,"Labels":{"B":"3","a":"1","b":"2"},)"
            R"("Memory":0,"OomKillDisable":false,"Env":[],"ConsoleSize":[0,0],"BlkioWeight":10},)"
            R"("Color":"green","Created":"2023-11-14T22:13:20.12Z","Health":{"Test": ["NONE"]}})");
}

TEST(Json, ReadsKeysWithoutCaseAndPrefersTheExactOne) {
  EXPECT_EQ(json::parse<Create>(R"({"iMaGe":"x","unknown":[1,{"a":null}]})").image, "x");
  const auto host = json::parse<Host>(R"({"memory":9223372036854775807,"consoleSIZE":[1,2,3]})");
  EXPECT_EQ(host.limits.memory, std::numeric_limits<std::int64_t>::max());
  EXPECT_EQ(host.console, (std::array<unsigned, 2>{1, 2}));
  const Inner both = json::parse<Inner>(R"({"a":"lower","A":"exact","b":"only"})");
  EXPECT_EQ(both.a, "exact");
  EXPECT_EQ(both.b, "only");
}

TEST(Json, NullIsAsIfTheKeyWereAbsent) {
  const auto create = json::parse<Create>(
      R"({"Image":null,"HostConfig":{"Binds":null,"Memory":null,"Labels":null},"Color":null})");
  EXPECT_EQ(create.image, "");
  ASSERT_TRUE(create.host);
  EXPECT_FALSE(json::parse<Create>(R"({"HostConfig":null})").host);
  EXPECT_TRUE(json::parse<Create>(R"({"Health":null})").health.text == "null");
}

TEST(Json, ReadingAKeyTwiceMergesAsGoDoes) {
  const auto create = json::parse<Create>(
      R"({"Image":"a","HostConfig":{"Memory":1,"Binds":["x","y"],"Labels":{"a":"1"}},"Image":"b",)"
      R"("HostConfig":{"BlkioWeight":3,"Binds":["z"],"Labels":{"b":"2"}}})");
  EXPECT_EQ(create.image, "b");
  EXPECT_EQ(create.host->limits.memory, 1);
  EXPECT_EQ(create.host->weight, 3);
  EXPECT_EQ(create.host->binds, std::vector<std::string>{"z"});
  EXPECT_EQ(create.host->labels.size(), 2u);
}

TEST(Json, OuterFieldHidesTheInlinedOneOfTheSameName) {
  EXPECT_EQ(json::write(Outer{}), R"({"B":"inner b","A":"outer a"})");
}

TEST(Json, KeepsUnknownKeysWhereAsked) {
  const auto node = json::parse<Node>(R"({"zoo":[ 1, 2],"name":"a","next":{"name":"b","q":1e3}})");
  EXPECT_EQ(json::write(node), R"({"name":"a","next":{"name":"b","q":1e3},"zoo":[ 1, 2]})");
}

TEST(Json, SyntaxErrorsUseGosWords) {
  const std::pair<const char*, const char*> cases[] = {
      {"", "unexpected end of JSON input"},
      {"{", "unexpected end of JSON input"},
      {R"({"a":tru)", "unexpected end of JSON input"},
      {R"("abc)", "unexpected end of JSON input"},
      {"x", "invalid character 'x' looking for beginning of value"},
      {"{} x", "invalid character 'x' after top-level value"},
      {"{,}", "invalid character ',' looking for beginning of object key string"},
      {R"({"a":1,})", "invalid character '}' looking for beginning of object key string"},
      {R"({"a" 1})", "invalid character '1' after object key"},
      {R"({"a":1 "b"})", "invalid character '\"' after object key:value pair"},
      {"[1 2]", "invalid character '2' after array element"},
      {"[1,]", "invalid character ']' looking for beginning of value"},
      {"[01]", "invalid character '1' after array element"},
      {"[-]", "invalid character ']' in numeric literal"},
      {"[1.]", "invalid character ']' after decimal point in numeric literal"},
      {"[1e]", "invalid character ']' in exponent of numeric literal"},
      {"[trux]", "invalid character 'x' in literal true (expecting 'e')"},
      {"[nul ]", "invalid character ' ' in literal null (expecting 'l')"},
      {"[\"\n\"]", "invalid character '\\n' in string literal"},
      {R"(["\x"])", "invalid character 'x' in string escape code"},
      {R"(["\u00g0"])", "invalid character 'g' in \\u hexadecimal character escape"},
      {"'", "invalid character '\\'' looking for beginning of value"},
      {"\xc3", "invalid character '\xc3\x83' looking for beginning of value"},
      {"[\x01]", "invalid character '\\x01' looking for beginning of value"},
  };
  for (const auto& [text, error] : cases) EXPECT_EQ(errorOf<json::Value>(text), error) << text;
}

TEST(Json, DecoderTextsDifferAtTheEndOnly) {
  const json::ReadOptions decoder{.decoder = true};
  EXPECT_EQ(errorOf<Create>("  ", decoder), "EOF");
  EXPECT_EQ(errorOf<Create>(R"({"Image":)", decoder), "unexpected EOF");
  EXPECT_EQ(errorOf<Create>("x", decoder), "invalid character 'x' looking for beginning of value");
}

TEST(Json, TypeErrorsNameTheFieldAndTheGoType) {
  const std::pair<const char*, const char*> cases[] = {
      {R"({"HostConfig":{"Memory":"x"}})",
       "json: cannot unmarshal string into Go struct field HostConfig.HostConfig.Memory of type "
       "int64"},
      {R"({"HostConfig":{"Memory":1.5}})",
       "json: cannot unmarshal number 1.5 into Go struct field HostConfig.HostConfig.Memory of "
       "type int64"},
      {R"({"HostConfig":{"BlkioWeight":70000}})",
       "json: cannot unmarshal number 70000 into Go struct field HostConfig.HostConfig.BlkioWeight "
       "of type uint16"},
      {R"({"HostConfig":{"Binds":{}}})",
       "json: cannot unmarshal object into Go struct field HostConfig.HostConfig.Binds of type "
       "[]string"},
      {R"({"HostConfig":{"Labels":{"a":4}}})",
       "json: cannot unmarshal number into Go struct field HostConfig.HostConfig.Labels of type "
       "string"},
      {R"({"HostConfig":[]})",
       "json: cannot unmarshal array into Go struct field CreateRequest.HostConfig of type "
       "container.HostConfig"},
      {R"({"Image":true})",
       "json: cannot unmarshal bool into Go struct field CreateRequest.Image of type string"},
      {"[]", "json: cannot unmarshal array into Go value of type container.CreateRequest"},
  };
  for (const auto& [text, error] : cases) EXPECT_EQ(errorOf<Create>(text), error) << text;
}

TEST(Json, SyntaxErrorBeatsAnEarlierTypeError) {
  EXPECT_EQ(errorOf<Create>(R"({"Image":4,"HostConfig":{]})"),
            "invalid character ']' looking for beginning of object key string");
  EXPECT_EQ(
      errorOf<Create>(R"({"Image":4,"Ratio":"x"})"),
      "json: cannot unmarshal number into Go struct field CreateRequest.Image of type string");
}

TEST(Json, LimitsDepthAndSize) {
  const std::string deep = std::string(65, '[') + std::string(65, ']');
  EXPECT_EQ(errorOf<json::Value>(deep), "exceeded max depth");
  EXPECT_EQ(errorOf<Create>(R"({"unknown":)" + deep + "}"), "exceeded max depth");
  EXPECT_EQ(errorOf<json::Value>(deep.substr(1, 128)), "no error");
  EXPECT_EQ(errorOf<json::Value>("[1,2,3]", {.maxBytes = 6}),
            "json: text of 7 bytes exceeds the limit of 6");
}

TEST(Json, StringsAreDecodedAsGoDoes) {
  const auto read = [](std::string_view text) { return json::Value::parse(text).asString(); };
  EXPECT_EQ(read(R"("\u00e9\n\"\\\/\b\f\r\t")"), "\xc3\xa9\n\"\\/\b\f\r\t");
  EXPECT_EQ(read(R"("\ud83d\ude00")"), "\xf0\x9f\x98\x80");
  EXPECT_EQ(read(R"("\ud83d x \ude00")"), "\xef\xbf\xbd x \xef\xbf\xbd");
  EXPECT_EQ(read(R"("\ud83d\u0041")"),
            "\xef\xbf\xbd"
            "A");
  EXPECT_EQ(read("\"a\xff\xc3(\xed\xa0\x80\""),
            "a\xef\xbf\xbd\xef\xbf\xbd(\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
  EXPECT_EQ(read(std::string("\"\\u0000\"")), std::string(1, '\0'));
}

TEST(Json, StringsAreEncodedAsGoDoes) {
  EXPECT_EQ(json::write(std::string(
                "a<b>&\"\\\n\r\t\b\f\x01\x7f\xe2\x80\xa8\xe2\x80\xa9\xff\xf0\x9f\x98\x80")),
            "\"a<b>&\\\"\\\\\\n\\r\\t\\b\\f\\u0001\x7f\\u2028\\u2029\\ufffd\xf0\x9f\x98\x80\"");
  EXPECT_EQ(json::write(std::string("<&>"), {.escapeHtml = true}), R"("\u003c\u0026\u003e")");
}

TEST(Json, FloatsAreWrittenAsGoDoes) {
  const std::pair<double, const char*> cases[] = {
      {0, "0"},
      {1, "1"},
      {-1.5, "-1.5"},
      {0.1, "0.1"},
      {1e20, "100000000000000000000"},
      {1e21, "1e+21"},
      {1.5e-7, "1.5e-7"},
      {0.000001, "0.000001"},
      {1e-10, "1e-10"},
      {1e100, "1e+100"},
      {123456789.125, "123456789.125"},
      {5e-324, "5e-324"},
  };
  for (const auto& [value, text] : cases) {
    EXPECT_EQ(json::write(value), text);
    EXPECT_EQ(json::parse<double>(text), value);
  }
  EXPECT_THROW(json::write(std::numeric_limits<double>::infinity()), base::Error);
}

TEST(Json, IndentAndCompactAreGos) {
  EXPECT_EQ(json::indent(R"({"a":[1,2,{}],"b":{"c":[]},"d":"x, {y}: \" z"})", "", "    "),
            "{\n    \"a\": [\n        1,\n        2,\n        {}\n    ],\n    \"b\": {\n"
            "        \"c\": []\n    },\n    \"d\": \"x, {y}: \\\" z\"\n}");
  EXPECT_EQ(json::compact("{ \"a b\" : [ 1 , 2 ] }\n"), R"({"a b":[1,2]})");
  EXPECT_EQ(json::write(Limits{}, {.indent = 2}),
            "{\n  \"Memory\": 0,\n  \"OomKillDisable\": null\n}");
}

TEST(Value, KeepsKeyOrderAndNumberTexts) {
  const char* text = R"({"z":1.50,"a":[true,null,"x",12345678901234567890],"m":{"k":-0}})";
  json::Value value = json::Value::parse(text);
  EXPECT_EQ(value.write(), text);
  EXPECT_EQ(value["a"].asArray()[2].asString(), "x");
  EXPECT_TRUE(value["none"].isNull());
  EXPECT_EQ(value.find("none"), nullptr);
  EXPECT_EQ(value["m"]["k"].asInt(), 0);
  EXPECT_FALSE(value["z"].tryInt());
  EXPECT_EQ(value["z"].asDouble(), 1.5);
  EXPECT_THROW(value["a"].asString(), base::Error);
  EXPECT_EQ(value.set("z", "new").asString(), "new");
  EXPECT_EQ(value["z"].type(), json::Value::Type::kString);
}

TEST(Value, LastOfSeveralEqualKeysWins) {
  EXPECT_EQ(json::Value::parse(R"({"a":1,"b":2,"a":3,"c":4,"a":5})").write(),
            R"({"a":5,"b":2,"c":4})");
}

TEST(Splitter, CutsAStreamOfValues) {
  json::Splitter splitter;
  std::vector<std::string> values;
  const std::string stream = "{\"a\":\"}\\\"{\"}\r\n[1,[2]] 12 true\"x\"{}\n{\"tail\":";
  for (const char c : stream) {
    splitter.push({&c, 1});
    while (const auto value = splitter.next()) values.emplace_back(*value);
  }
  EXPECT_EQ(values, (std::vector<std::string>{"{\"a\":\"}\\\"{\"}", "[1,[2]]", "12", "true",
                                              "\"x\"", "{}"}));
  EXPECT_FALSE(splitter.empty());
  splitter.push("1} ");
  EXPECT_EQ(splitter.next(), "{\"tail\":1}");
  EXPECT_EQ(splitter.next(), std::nullopt);
  EXPECT_TRUE(splitter.empty());
}

}  // namespace
