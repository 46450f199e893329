#include "platform/base/error.h"

#include <cctype>
#include <cstring>

namespace base {

std::string_view codeName(Code code) noexcept {
  switch (code) {
    case Code::kInvalidArgument:
      return "invalid argument";
    case Code::kUnauthorized:
      return "unauthorized";
    case Code::kForbidden:
      return "forbidden";
    case Code::kNotFound:
      return "not found";
    case Code::kConflict:
      return "conflict";
    case Code::kNotModified:
      return "not modified";
    case Code::kNotImplemented:
      return "not implemented";
    case Code::kUnavailable:
      return "unavailable";
    case Code::kDeadlineExceeded:
      return "deadline exceeded";
    case Code::kCancelled:
      return "cancelled";
    case Code::kDataLoss:
      return "data loss";
    case Code::kInternal:
      return "internal";
  }
  return "unknown";
}

std::string errnoText(int sysErrno) {
  char buffer[128];
  std::string text = strerror_r(sysErrno, buffer, sizeof buffer);
  // Go prints errno texts in lower case, but keeps words that begin with two capitals ("RPC version
  // wrong").
  const bool acronym = text.size() > 1 && std::isupper(static_cast<unsigned char>(text[1]));
  if (!text.empty() && !acronym) text[0] = static_cast<char>(std::tolower(text[0]));
  return text;
}

void failErrno(int sysErrno, std::string_view call, std::string_view object) {
  throw Error(Code::kInternal,
              object.empty() ? fmt::format("{}: {}", call, errnoText(sysErrno))
                             : fmt::format("{} {}: {}", call, object, errnoText(sysErrno)),
              sysErrno);
}

}  // namespace base
