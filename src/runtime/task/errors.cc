#include "runtime/task/errors.h"

#include <fmt/format.h>

#include <cerrno>

#include "runtime/launch/launch.h"

namespace task {

namespace {

bool contains(const std::string& text, const char* part) {
  return text.find(part) != std::string::npos;
}

std::string sentenceOf(const shimwire::Reply& reply) {
  std::string text = reply.text;
  if (text.empty()) text = "the shim refused";
  // The launch's own sentences name their errno where it helps; the shim's do not.
  if (reply.step == 0 && reply.error != 0) text += ": " + base::errnoText(reply.error);
  // dockerd's words for EISDIR: the docker CLI knows 126 by them.
  if (text.ends_with("is a directory")) text += ": permission denied";
  return printable(text);
}

StartError make(const char* prefix, const shimwire::Reply& reply) {
  if (reply.step == 0 && reply.error == ENOSPC) {
    return StartError(base::Code::kConflict, std::string(prefix) + sentenceOf(reply), 0, 126);
  }
  const std::string sentence = sentenceOf(reply);
  const int code = exitCodeOf(sentence);
  return StartError(code == 128 ? base::Code::kInternal : base::Code::kInvalidArgument,
                    prefix + sentence, reply.error, code);
}

}  // namespace

std::string printable(const std::string& text) {
  std::string result;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && byte != 0x7f)
      result += c;
    else
      result += c == '\n' ? "\\n" : c == '\t' ? "\\t" : fmt::format("\\x{:02x}", byte);
  }
  return result;
}

int exitCodeOf(const std::string& sentence) {
  if (contains(sentence, "executable file not found") ||
      contains(sentence, "no such file or directory"))
    return 127;
  if (contains(sentence, "permission denied") || contains(sentence, "is a directory")) return 126;
  if (contains(sentence, "not a directory")) return 127;
  return 128;
}

StartError startError(const shimwire::Reply& reply) {
  return make("failed to create task for container: unable to start container process: ", reply);
}

StartError execError(const shimwire::Reply& reply) {
  if (reply.step == static_cast<std::uint32_t>(launch::Step::kUser))
    return StartError(base::Code::kInternal, sentenceOf(reply), reply.error, 126);
  return make("OCI runtime exec failed: exec failed: unable to start container process: ", reply);
}

}  // namespace task
