// External stores of secrets: the programs docker-credential-NAME with the commands get, store and
// erase.
#pragma once

#include <string>

#include "cli/client/config_file.h"

namespace client {

class CredentialHelper {
 public:
  explicit CredentialHelper(std::string name) : name_(std::move(name)) {}

  // Empty when the store has none. Error kInternal when the program fails or is missing.
  AuthConfig get(const std::string& server) const;
  void store(const AuthConfig& auth) const;
  void erase(const std::string& server) const;

 private:
  std::string run(const char* command, const std::string& input, bool& succeeded) const;
  std::string name_;
};

}  // namespace client
