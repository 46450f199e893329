// Container names: the rule, and names for containers that were given none.
#pragma once

#include <string>
#include <string_view>

namespace container {

// [a-zA-Z0-9][a-zA-Z0-9_.-]+, one leading slash allowed. Error kInvalidArgument in Docker's words.
// Returns the name without the slash.
std::string checkName(std::string_view name);

// "adjective_surname"; with `attempt` above zero a digit is added.
std::string generateName(int attempt);

}  // namespace container
