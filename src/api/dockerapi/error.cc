#include "api/dockerapi/error.h"

#include <utility>

#include "platform/base/strings.h"
#include "platform/json/json.h"

namespace dockerapi {

namespace {

constexpr std::pair<base::Code, int> kStatuses[] = {
    {base::Code::kInvalidArgument, 400},  {base::Code::kUnauthorized, 401},
    {base::Code::kForbidden, 403},        {base::Code::kNotFound, 404},
    {base::Code::kConflict, 409},         {base::Code::kNotModified, 304},
    {base::Code::kNotImplemented, 501},   {base::Code::kUnavailable, 503},
    {base::Code::kDeadlineExceeded, 504},
};

struct ErrorResponse {
  std::string message;
};
constexpr auto jsonFields(const ErrorResponse*) {
  return json::fields(json::field("message", &ErrorResponse::message));
}

}  // namespace

std::string errorBody(std::string_view message) {
  return json::write(ErrorResponse{std::string(message)}) + "\n";
}

int httpStatus(base::Code code) noexcept {
  for (const auto& [known, status] : kStatuses)
    if (known == code) return status;
  return 500;
}

base::Code codeOf(int httpStatus) noexcept {
  for (const auto& [code, status] : kStatuses)
    if (status == httpStatus) return code;
  return httpStatus >= 400 && httpStatus < 500 ? base::Code::kInvalidArgument
                                               : base::Code::kInternal;
}

base::Error errorFromResponse(int httpStatus, std::string_view reason, std::string_view contentType,
                              std::string_view body, std::string_view url) {
  const base::Code code = codeOf(httpStatus);
  if (body.empty())
    return base::Error(
        code, fmt::format("request returned {} for API route and version {}, check if the server "
                          "supports the requested API version",
                          reason, url));
  if (contentType == "application/json") {
    try {
      const auto response = json::parse<ErrorResponse>(body);
      return base::Error(code, std::string(base::trim(response.message)));
    } catch (const base::Error& error) {
      return base::Error(code, fmt::format("Error reading JSON: {}", error.message()));
    }
  }
  return base::Error(code, std::string(base::trim(body)));
}

}  // namespace dockerapi
