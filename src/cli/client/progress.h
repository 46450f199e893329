// Progress streams of pull, push, load and import, shown as docker shows them: on a terminal one
// line a layer that is rewritten in place, elsewhere the plain statuses without the bars.
#pragma once

#include <functional>
#include <map>
#include <string>

#include "platform/http/client.h"
#include "platform/json/value.h"

namespace client {

class ProgressDisplay {
 public:
  // `write` gets text for the stream that `width` describes; width 0: it is no terminal.
  ProgressDisplay(std::function<void(std::string_view)> write, unsigned width)
      : write_(std::move(write)), width_(width) {}

  // One message. Error kInternal with the daemon's words when it tells of a failure.
  void show(const json::Value& message);

 private:
  std::function<void(std::string_view)> write_;
  unsigned width_;
  std::map<std::string, size_t> lines_;  // layer -> its line, counted from the first one
};

// "[====>     ]  1.2MB/3.4MB" in `width` columns; "" when nothing is known.
std::string progressBar(const json::Value& detail, unsigned width);

// Reads the whole stream and shows it. `aux` gets the messages that carry results.
void showProgress(http::ClientResponse& response, ProgressDisplay& display,
                  const std::function<void(const json::Value&)>& aux = {});

}  // namespace client
