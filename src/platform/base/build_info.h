// Which source this is and what made it, as `version` shows them.
#pragma once

#include <string>

namespace base {

std::string buildCommit();    // short hash of git; "unknown" outside a clone
std::string buildTime();      // of that commit, RFC 3339 in UTC; or ""
std::string buildCompiler();  // "clang16.0.6": stands where Docker names its version of Go

}  // namespace base
