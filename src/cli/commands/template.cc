#include "cli/commands/template.h"

#include "cli/commands/command.h"
#include "platform/base/error.h"
#include "platform/base/scope_exit.h"
#include "platform/base/strings.h"
#include "platform/gotemplate/docker_format.h"

namespace commands {
namespace {

using gotemplate::Data;
using gotemplate::StructType;

// {{json .}} of a whole row goes through the row's own encoder, which escapes <, > and &.
bool isWholeRowJson(std::string_view text) {
  std::string packed;
  for (const char c : text) {
    if (c != ' ') packed += c;
  }
  return packed == "{{json.}}";
}

Data rowData(const json::Value& fields, const StructType& type) {
  std::vector<Data::Member> members;
  for (const auto& member : fields.asObject()) {
    members.push_back(
        {member.name, member.value.isNull() ? Data::nil() : Data::fromJson(member.value)});
  }
  return Data::structure(std::move(members), &type);
}

// The title of {{.Label "com.example.my-key"}} is "my key".
std::string labelTitle(const std::string& label) {
  std::string title =
      label.substr(label.rfind('.') == std::string::npos ? 0 : label.rfind('.') + 1);
  for (char& c : title) {
    if (c == '-' || c == '_') c = ' ';
  }
  return title;
}

}  // namespace

struct RowTemplate::Impl {
  gotemplate::Template compiled;
  std::string typeName;
  bool wholeJson = false;
};

RowTemplate::RowTemplate(std::string_view text, std::string_view typeName) {
  try {
    impl_ = std::make_unique<Impl>(
        Impl{gotemplate::Template::parse(text), std::string(typeName), isWholeRowJson(text)});
  } catch (const base::Error& error) {
    throw base::Error(error.code(), fmt::format("template parsing error: {}", error.message()));
  }
}

RowTemplate::~RowTemplate() = default;

std::string RowTemplate::row(const json::Value& fields,
                             const std::map<std::string, std::string>& labels) const {
  if (impl_->wholeJson) return fields.write({.escapeHtml = true});
  StructType type;
  type.name = impl_->typeName;
  type.methods["Label"] = {{gotemplate::Parameter::kString},
                           [&labels](const Data&, std::span<const Data> arguments) {
                             const auto found = labels.find(arguments[0].text());
                             return Data(found == labels.end() ? std::string() : found->second);
                           }};
  try {
    return impl_->compiled.execute(rowData(fields, type));
  } catch (const base::Error& error) {
    throw base::Error(error.code(), fmt::format("template parsing error: {}", error.message()));
  }
}

std::string RowTemplate::header(const json::Value& headers) const {
  std::vector<Data::Member> members;
  for (const auto& member : headers.asObject())
    members.push_back({member.name, Data(member.value.asString())});
  StructType type;
  type.methods["Label"] = {{gotemplate::Parameter::kString},
                           [](const Data&, std::span<const Data> arguments) {
                             return Data(labelTitle(arguments[0].text()));
                           }};
  gotemplate::ExecuteOptions options;
  options.headerFunctions = true;
  return impl_->compiled.execute(Data::structure(std::move(members), &type), options);
}

std::optional<gotemplate::Template> valueFormat(const std::string& format, std::string_view name) {
  constexpr int kBadTemplate = 64;
  if (format.empty()) return std::nullopt;
  try {
    return gotemplate::Template::parse(base::trim(format) == "json" ? "{{json .}}" : format, name);
  } catch (const base::Error& error) {
    throw Exit(kBadTemplate, fmt::format("template parsing error: {}", error.message()));
  }
}

void printValue(Cli& cli, const gotemplate::Template& format, const Data& value) {
  std::string text;
  const base::ScopeExit shown{[&] { cli.print(text + "\n"); }};
  format.executeTo(text, value);
}

}  // namespace commands
