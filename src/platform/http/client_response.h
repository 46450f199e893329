// The answer as the client reads it. Internal to platform/http.
#pragma once

#include <functional>
#include <memory>

#include "platform/http/stream.h"
#include "platform/http/wire.h"

namespace http {

// Takes a connection that may be used again.
using Recycle = std::function<void(std::unique_ptr<ClientConnection>)>;

// `reusable`: the request was sent whole. `wait` bounds each later read and write.
std::unique_ptr<ClientResponse> makeClientResponse(std::unique_ptr<ClientConnection> connection,
                                                   wire::ResponseHead head, const Wait& wait,
                                                   bool reusable, Recycle recycle);

}  // namespace http
