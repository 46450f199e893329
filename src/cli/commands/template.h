// Go templates over rows of lists and over inspected objects (platform/gotemplate, with docker's
// words around it).
#pragma once

#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "platform/gotemplate/data.h"
#include "platform/json/value.h"

namespace commands {

class RowTemplate {
 public:
  // Error kInvalidArgument "template parsing error: …".
  RowTemplate(std::string_view text, std::string_view typeName);
  ~RowTemplate();

  std::string row(const json::Value& fields,
                  const std::map<std::string, std::string>& labels) const;
  // The same template over titles: functions that change text leave them as they are.
  std::string header(const json::Value& headers) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// One value through --format: "json", or a template. Error kInvalidArgument "template parsing
// error: …".
std::string renderValue(const std::string& format, const gotemplate::Data& value);

// The members of a struct, and once more under the names that Go code, and so templates, give some
// of them: {JSON's name, Go's name}.
gotemplate::Data withGoNames(std::span<const gotemplate::Data::Member> members,
                             std::span<const std::pair<std::string_view, std::string_view>> names);

}  // namespace commands
