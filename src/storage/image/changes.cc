#include "storage/image/changes.h"

#include <algorithm>

#include "platform/base/error.h"
#include "platform/base/strings.h"
#include "platform/json/json.h"

namespace image {
namespace {

using base::Code;

// ["a","b"], or a line for the shell.
std::vector<std::string> execOrShell(const std::string& text) {
  if (text.starts_with('[')) {
    try {
      return json::parse<std::vector<std::string>>(text);
    } catch (const base::Error&) {
      // Not JSON: Docker takes it for a shell line, brackets and all.
    }
  }
  if (text.empty()) return {};
  return {"/bin/sh", "-c", text};
}

// One word with quotes and backslashes taken away; `text` moves behind it.
std::string takeWord(std::string_view& text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  std::string word;
  char quote = '\0';
  while (!text.empty()) {
    const char c = text.front();
    if (quote == '\0' && (c == ' ' || c == '\t')) break;
    text.remove_prefix(1);
    if (c == '\\' && quote != '\'' && !text.empty()) {
      word += text.front();
      text.remove_prefix(1);
    } else if (quote == '\0' && (c == '"' || c == '\'')) {
      quote = c;
    } else if (c == quote) {
      quote = '\0';
    } else {
      word += c;
    }
  }
  return word;
}

std::vector<std::string> words(std::string_view text) {
  std::vector<std::string> list;
  for (std::string word = takeWord(text); !word.empty(); word = takeWord(text))
    list.push_back(std::move(word));
  return list;
}

// "k=v k2=v2", or the old "k the rest of the line".
std::vector<std::pair<std::string, std::string>> assignments(const std::string& text,
                                                             const std::string& command) {
  std::vector<std::pair<std::string, std::string>> pairs;
  const auto list = words(text);
  if (list.empty())
    base::fail(Code::kInvalidArgument, "{} requires at least one argument", command);
  if (list.front().find('=') == std::string::npos) {
    const auto [key, value] = base::cut(text, ' ');
    if (!value) base::fail(Code::kInvalidArgument, "{} must have two arguments", command);
    return {{std::string(key), std::string(base::trim(*value))}};
  }
  for (const std::string& word : list) {
    const auto [key, value] = base::cut(word, '=');
    if (!value || key.empty())
      base::fail(Code::kInvalidArgument,
                 "Syntax error - can't find = in \"{}\". Must be of the form: name=value", word);
    pairs.emplace_back(key, *value);
  }
  return pairs;
}

void setEnv(oci::ImageConfig& config, const std::string& rest) {
  std::vector<std::string> env(config.env.begin(), config.env.end());
  for (const auto& [key, value] : assignments(rest, "ENV")) {
    const std::string prefix = key + "=";
    const auto same = std::find_if(env.begin(), env.end(),
                                   [&](const std::string& e) { return e.starts_with(prefix); });
    if (same == env.end()) {
      env.push_back(prefix + value);
    } else {
      *same = prefix + value;
    }
  }
  config.env = env;
}

std::vector<std::string> listOf(const std::string& rest) {
  return rest.starts_with('[') ? json::parse<std::vector<std::string>>(rest) : words(rest);
}

}  // namespace

void applyChange(oci::ImageConfig& config, const std::string& instruction) {
  const auto [word, tail] = base::cut(base::trim(instruction), ' ');
  std::string command(word);
  for (char& c : command) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  const std::string rest(tail ? base::trim(*tail) : "");
  if (command == "CMD") {
    config.cmd = execOrShell(rest);
  } else if (command == "ENTRYPOINT") {
    config.entrypoint = execOrShell(rest);
  } else if (command == "ENV") {
    setEnv(config, rest);
  } else if (command == "EXPOSE") {
    for (const std::string& port : words(rest))
      config.exposedPorts.insert(port.find('/') == std::string::npos ? port + "/tcp" : port);
  } else if (command == "LABEL") {
    for (const auto& [key, value] : assignments(rest, "LABEL")) config.labels[key] = value;
  } else if (command == "USER") {
    config.user = rest;
  } else if (command == "VOLUME") {
    for (const std::string& path : listOf(rest)) config.volumes.insert(path);
  } else if (command == "WORKDIR") {
    config.workingDir = rest.starts_with('/')
                            ? rest
                            : (config.workingDir.empty() ? "/" : config.workingDir + "/") + rest;
  } else if (command == "STOPSIGNAL") {
    config.stopSignal = rest;
  } else if (command == "ONBUILD") {
    config.onBuild.push_back(rest);
  } else if (command == "HEALTHCHECK") {
    base::fail(Code::kNotImplemented, "HEALTHCHECK in a change is not implemented");
  } else {
    base::fail(Code::kInvalidArgument, "{} is not a valid change command", command);
  }
  const bool needsArgument = command != "CMD" && command != "ENTRYPOINT";
  if (needsArgument && rest.empty())
    base::fail(Code::kInvalidArgument, "{} requires at least one argument", command);
}

}  // namespace image
