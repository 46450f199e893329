// Both directions' parsers and the chunk decoder. What is accepted must keep its promises: a parsed
// head has no line ends inside, and a body decodes to the same bytes however it is cut.

#include <cstdint>
#include <cstdlib>
#include <string>

#include "platform/http/wire.h"

namespace {

using namespace http;

void require(bool good) {
  if (!good) std::abort();
}

void checkFields(const Headers& headers) {
  for (const auto& [name, value] : headers.all()) {
    require(!name.empty() && name.find_first_of(" \t\r\n:") == std::string::npos);
    require(value.find_first_of("\r\n") == std::string::npos);
  }
}

// nullopt: refused.
bool decode(std::string_view bytes, size_t piece, std::string& body, size_t& used) {
  wire::ChunkDecoder decoder;
  char out[64];
  used = 0;
  try {
    while (used < bytes.size() && !decoder.done()) {
      const auto step = decoder.decode(bytes.substr(used, piece), out, sizeof out);
      used += step.consumed;
      body.append(out, step.produced);
      require(step.consumed > 0);
    }
  } catch (const wire::BadMessage&) {
    return false;
  }
  return decoder.done();
}

void heads(std::string_view bytes) {
  size_t scanned = 0;
  const size_t end = wire::findHeadEnd(bytes, scanned);
  if (end == std::string_view::npos) return;
  try {
    const wire::RequestHead request = wire::parseRequest(bytes.substr(0, end));
    for (size_t i = 0; i < end; ++i) require(wire::mayBeRequest(bytes.substr(0, i)));
    checkFields(request.headers);
    require(request.target == "*" || request.target.starts_with('/'));
    require(request.target.find_first_of(" \r\n") == std::string::npos);
    require(request.framing != wire::Framing::kLength || request.contentLength > 0);
    Query::parse(request.target);
    percentDecode(request.target);
  } catch (const wire::BadMessage& bad) {
    require(bad.status >= 400 && bad.status < 600);
  }
  for (const char* method : {"GET", "HEAD", "CONNECT"}) {
    try {
      checkFields(wire::parseResponse(bytes.substr(0, end), method).headers);
    } catch (const wire::BadMessage&) {
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  heads(bytes);
  std::string whole, cut;
  size_t wholeUsed, cutUsed;
  const bool good = decode(bytes, size, whole, wholeUsed);
  require(good == decode(bytes, 1, cut, cutUsed));
  if (good) require(whole == cut && wholeUsed == cutUsed);
  return 0;
}
