// External stores of secrets: the programs docker-credential-NAME with the commands get, store and
// erase.
#pragma once

#include <string>

#include "cli/client/config_file.h"

namespace client {

class CredentialHelper {
 public:
  explicit CredentialHelper(std::string name) : name_(std::move(name)) {}

  // Where in PATH a program is; "" when it is nowhere.
  static std::string findProgram(const std::string& program);
  bool installed() const;

  // Empty when the store has none. Error kInternal when the program fails or is missing.
  AuthConfig get(const std::string& server) const;
  void store(const AuthConfig& auth) const;
  void erase(const std::string& server) const;

 private:
  // What the program printed, trimmed; what it has to say besides goes to our standard error.
  std::string run(const char* command, const std::string& input, int& status) const;
  [[noreturn]] static void fail(const char* command, int status, const std::string& answer);

  std::string name_;
};

}  // namespace client
