// HTTP/1.1 on the wire, both ways (RFC 9112): heads to structs and bodies out of chunks. Pure
// functions on bytes, no I/O; what a stranger sends is either understood in exactly one way or
// refused. Our own and not Beast's: the whole parser compiles in a second and 60 MB where a Beast
// unit takes 9 s and 400 MB, and a waiting connection keeps no buffer at all.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "platform/http/message.h"

namespace http::wire {

// What cannot be understood. `status` is the answer a server gives; a client calls it a malformed
// response.
struct BadMessage {
  int status;
  std::string text;
};

enum class Framing { kNone, kLength, kChunked, kUntilClose };

struct RequestHead {
  std::string method;
  std::string target;  // origin form, "/path?query", or "*"
  int minorVersion = 1;
  Headers headers;
  Framing framing = Framing::kNone;
  long long contentLength = -1;  // -1: not said
  bool keepAlive = true;
  bool expectContinue = false;
};

struct ResponseHead {
  int status = 0;
  std::string reason;
  int minorVersion = 1;
  Headers headers;
  Framing framing = Framing::kNone;
  long long contentLength = -1;
  bool keepAlive = true;
};

// Size of the head with its blank line, or npos when it is not complete. `scanned` remembers where
// to go on.
size_t findHeadEnd(std::string_view bytes, size_t& scanned) noexcept;

// False: no request begins like this, whatever follows; a client that tries TLS here, for one.
bool mayBeRequest(std::string_view begun) noexcept;
// `head` ends with the blank line. Throws BadMessage.
RequestHead parseRequest(std::string_view head);
// `method` is the request's: an answer to HEAD has no body. CONNECT's 2xx has none either.
ResponseHead parseResponse(std::string_view head, std::string_view method);

// Takes chunked coding off a byte stream. Extensions and trailers are dropped, and bounded.
class ChunkDecoder {
 public:
  struct Step {
    size_t consumed = 0;
    size_t produced = 0;
  };
  // Decodes from `in` into `out` (which may be the same memory) until either is used up or the body
  // has ended. Throws BadMessage.
  Step decode(std::string_view in, char* out, size_t room);
  bool done() const noexcept { return state_ == State::kDone; }
  // Bytes of the running chunk that are still to come: they may be read straight into place.
  size_t left() const noexcept { return state_ == State::kData ? left_ : 0; }
  void skip(size_t bytes) noexcept;

 private:
  enum class State {
    kSize,
    kExtension,
    kSizeEnd,
    kData,
    kDataCr,
    kDataLf,
    kTrailer,
    kTrailerLine,
    kTrailerEnd,
    kLastLf,
    kDone
  };
  void step(char c);
  void sizeDigit(char c);

  State state_ = State::kSize;
  size_t left_ = 0;
  int digits_ = 0;
  size_t overhead_ = 0;  // bytes that were not data, less a fair share of them a chunk
};

// "%x\r\n" in front of a chunk.
std::string chunkHead(size_t size);

// "OK" for 200; "" when unknown.
std::string_view reasonPhrase(int status) noexcept;
// "Sun, 06 Nov 1994 08:49:37 GMT", now.
std::string dateNow();
// Appends "Name: value\r\n" for each; line ends inside values become spaces.
void appendFields(std::string& head, const Headers& headers);

}  // namespace http::wire
