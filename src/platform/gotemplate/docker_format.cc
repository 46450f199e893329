#include "platform/gotemplate/docker_format.h"

#include "platform/base/error.h"
#include "platform/base/strings.h"

namespace gotemplate {

namespace {

constexpr std::string_view kErrorPrefix = "template parsing error";

std::string replaceAll(std::string text, std::string_view from, std::string_view to) {
  for (size_t at = 0; (at = text.find(from, at)) != text.npos; at += to.size())
    text.replace(at, from.size(), to);
  return text;
}

// {{.Label "com.example.my-key"}} in a header: the last part of the key, in words.
Data labelHeader(const Data&, std::span<const Data> arguments) {
  std::string name = arguments[0].text();
  name = name.substr(name.rfind('.') + 1);
  for (char& c : name)
    if (c == '-' || c == '_') c = ' ';
  return Data(std::move(name));
}

const StructType kHeaderType = {"formatter.SubHeaderContext",
                                {{"Label", {{Parameter::kString}, labelHeader}}}};

}  // namespace

ListFormat ListFormat::parse(std::string_view format) {
  constexpr std::string_view kTable = "table";
  const bool table = format.starts_with(kTable);
  std::string text(format);
  if (table) text.erase(0, kTable.size());
  if (format == "json") text = "{{json .}}";
  while (text.starts_with(' ')) text.erase(0, 1);
  while (text.ends_with(' ')) text.pop_back();
  text = replaceAll(replaceAll(std::move(text), "\\t", "\t"), "\\n", "\n");
  return base::within(kErrorPrefix, [&] { return ListFormat(Template::parse(text), table); });
}

std::string ListFormat::row(const Data& object) const {
  return base::within(kErrorPrefix, [&] { return template_.execute(object); });
}

std::string ListFormat::header(const std::map<std::string, std::string>& headers) const {
  std::vector<Data::Member> members;
  for (const auto& [name, text] : headers) members.push_back({name, Data(text)});
  std::string out;
  try {
    template_.executeTo(out, Data::map(std::move(members), &kHeaderType),
                        {.headerFunctions = true});
  } catch (const base::Error&) {
    // What works on values need not work on names: docker shows the part before.
  }
  return out;
}

void probeFormat(std::string_view format, const Data& empty) {
  const Template parsed =
      base::within("failed to parse template", [&] { return Template::parse(format); });
  base::within("failed to execute template", [&] { return parsed.execute(empty); });
}

Template parseInspectFormat(std::string_view format) {
  return base::within(kErrorPrefix, [&] { return Template::parse(format); });
}

std::string inspectRow(const Template& format, const Data& typed, std::string_view rawJson) {
  if (rawJson.empty()) return base::within(kErrorPrefix, [&] { return format.execute(typed); });
  try {
    return format.execute(typed);
  } catch (const base::Error&) {
    // As docker: the struct of this client may be older than the daemon's answer.
  }
  return base::within(kErrorPrefix, [&] {
    return format.execute(Data::parse(rawJson), {.missingKeyIsError = true});
  });
}

}  // namespace gotemplate
