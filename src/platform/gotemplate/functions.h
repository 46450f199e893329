// The functions that templates may call.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "platform/gotemplate/data.h"

namespace gotemplate {

struct Function {
  std::string_view name;
  std::vector<Parameter> parameters;
  bool variadic;  // the last parameter any number of times, also none
  // Error kInvalidArgument: the text behind "error calling NAME: ".
  Data (*call)(std::span<const Data> arguments);
  bool shortCircuits = false;  // and, or: arguments are evaluated one by one
};

const Function* findFunction(std::string_view name);
std::string_view goName(Parameter parameter);

std::string escapeHtml(std::string_view text);
std::string escapeJs(std::string_view text);
std::string escapeQuery(std::string_view text);

}  // namespace gotemplate
