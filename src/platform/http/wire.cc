#include "platform/http/wire.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <ctime>

#include "platform/base/strings.h"

namespace http::wire {
namespace {

constexpr size_t kMaxFields = 512;
constexpr size_t kMaxChunkOverhead = 16 * 1024;

[[noreturn]] void bad(std::string text, int status = 400) {
  throw BadMessage{status, std::move(text)};
}

// tchar of RFC 9110, 5.6.2.
bool tokenChar(char c) noexcept {
  if ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')) return true;
  return c != 0 && std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}

bool isToken(std::string_view text) noexcept {
  for (const char c : text) {
    if (!tokenChar(c)) return false;
  }
  return !text.empty();
}

bool printable(std::string_view text) noexcept {
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 ? c != '\t' : byte == 0x7f) return false;
  }
  return true;
}

// The next line without its CRLF. A bare CR or LF is refused: two parsers that disagree about where
// a line ends are how requests are smuggled.
std::string_view takeLine(std::string_view& head) {
  const auto end = head.find("\r\n");
  if (end == std::string_view::npos) bad("malformed line ending");
  const std::string_view line = head.substr(0, end);
  if (line.find_first_of("\r\n") != std::string_view::npos) bad("malformed line ending");
  head.remove_prefix(end + 2);
  return line;
}

Headers parseFields(std::string_view head) {
  Headers headers;
  for (size_t count = 0;; ++count) {
    const std::string_view line = takeLine(head);
    if (line.empty()) break;
    if (count == kMaxFields) bad("too many header fields", 431);
    const auto colon = line.find(':');
    // A field that begins with white space would continue the one before (obs-fold): never needed,
    // often abused.
    if (colon == std::string_view::npos || !isToken(line.substr(0, colon))) bad("malformed header");
    const std::string_view value = base::trim(line.substr(colon + 1));
    if (!printable(value)) bad("invalid header value");
    headers.add(line.substr(0, colon), std::string(value));
  }
  if (!head.empty()) bad("malformed header");
  return headers;
}

int parseVersion(std::string_view text) {
  if (text == "HTTP/1.1") return 1;
  if (text == "HTTP/1.0") return 0;
  if (text.starts_with("HTTP/1.") && text.size() == 8 && text[7] >= '2' && text[7] <= '9') return 1;
  if (text.starts_with("HTTP/")) bad("unsupported protocol version", 505);
  bad("malformed HTTP version");
}

struct Length {
  bool given = false;
  long long value = -1;
};

Length contentLength(const Headers& headers) {
  Length length;
  for (const auto& [name, text] : headers.all()) {
    if (!base::equalsIgnoreCase(name, "Content-Length")) continue;
    const bool digits = !text.empty() && text.find_first_not_of("0123456789") == std::string::npos;
    const auto value = digits ? base::parseInt(text) : std::nullopt;
    if (!value) bad("bad Content-Length");
    if (length.given && length.value != *value) bad("differing Content-Length");
    length = {true, *value};
  }
  return length;
}

// True: the body is chunked.
bool transferCoding(const Headers& headers, int minorVersion) {
  size_t count = 0;
  for (const auto& [name, text] : headers.all()) {
    if (!base::equalsIgnoreCase(name, "Transfer-Encoding")) continue;
    if (++count > 1) bad("too many transfer encodings");
    if (minorVersion == 0) bad("Transfer-Encoding in HTTP/1.0");
    if (!base::equalsIgnoreCase(text, "chunked")) bad("unsupported transfer encoding", 501);
  }
  return count == 1;
}

bool keepsAlive(const Headers& headers, int minorVersion) {
  if (headers.contains("Connection", "close")) return false;
  return minorVersion >= 1 || headers.contains("Connection", "keep-alive");
}

// Absolute form ("http://host/path", what a proxy gets) becomes origin form.
std::string originForm(std::string_view target) {
  if (target == "*" || target.starts_with('/')) return std::string(target);
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (!target.starts_with(scheme)) continue;
    const auto path = target.find_first_of("/?", scheme.size());
    if (path == std::string_view::npos) return "/";
    return target[path] == '?' ? "/" + std::string(target.substr(path))
                               : std::string(target.substr(path));
  }
  bad("malformed request target");
}

}  // namespace

size_t findHeadEnd(std::string_view bytes, size_t& scanned) noexcept {
  // The four bytes may straddle what was scanned before.
  const size_t from = scanned > 3 ? scanned - 3 : 0;
  const auto end = bytes.find("\r\n\r\n", from);
  scanned = bytes.size();
  return end == std::string_view::npos ? end : end + 4;
}

bool mayBeRequest(std::string_view begun) noexcept {
  return begun.empty() || begun == "\r" || isToken(begun.substr(0, 1));
}

RequestHead parseRequest(std::string_view head) {
  RequestHead request;
  const std::string_view line = takeLine(head);
  const auto first = line.find(' ');
  const auto last = line.rfind(' ');
  if (first == std::string_view::npos || first == last) bad("malformed request line");
  request.method = line.substr(0, first);
  if (!isToken(request.method)) bad("invalid method");
  const std::string_view target = line.substr(first + 1, last - first - 1);
  if (target.empty() || target.find_first_of(" \t") != std::string_view::npos ||
      !printable(target)) {
    bad("malformed request target");
  }
  request.minorVersion = parseVersion(line.substr(last + 1));
  request.target = originForm(target);
  request.headers = parseFields(head);

  size_t hosts = 0;
  for (const auto& field : request.headers.all()) {
    if (base::equalsIgnoreCase(field.first, "Host")) ++hosts;
  }
  if (hosts > 1) bad("too many Host headers");
  if (hosts == 0 && request.minorVersion >= 1) bad("missing required Host header");

  const Length length = contentLength(request.headers);
  const bool chunked = transferCoding(request.headers, request.minorVersion);
  if (chunked && length.given) bad("both Content-Length and Transfer-Encoding");
  request.contentLength = length.value;
  request.framing = chunked            ? Framing::kChunked
                    : length.value > 0 ? Framing::kLength
                                       : Framing::kNone;
  request.keepAlive = keepsAlive(request.headers, request.minorVersion);
  if (const std::string& expect = request.headers.get("Expect"); !expect.empty()) {
    if (!base::equalsIgnoreCase(expect, "100-continue")) bad("unknown expectation", 417);
    request.expectContinue = request.minorVersion >= 1 && request.framing != Framing::kNone;
  }
  return request;
}

ResponseHead parseResponse(std::string_view head, std::string_view method) {
  ResponseHead response;
  const std::string_view line = takeLine(head);
  const auto [version, rest] = base::cut(line, ' ');
  response.minorVersion = parseVersion(version);
  if (!rest || rest->size() < 3 || (rest->size() > 3 && (*rest)[3] != ' '))
    bad("malformed status line");
  const auto status = base::parseUint(rest->substr(0, 3));
  if (!status || *status < 100) bad("malformed status code");
  response.status = static_cast<int>(*status);
  response.reason = rest->size() > 4 ? std::string(rest->substr(4)) : std::string();
  response.headers = parseFields(head);

  const bool chunked = transferCoding(response.headers, response.minorVersion);
  const Length length = contentLength(response.headers);
  if (chunked && length.given) bad("both Content-Length and Transfer-Encoding");
  response.contentLength = length.value;
  response.keepAlive = keepsAlive(response.headers, response.minorVersion);
  const int code = response.status;
  const bool bare = method == "HEAD" || code < 200 || code == 204 || code == 304 ||
                    (method == "CONNECT" && code < 300);
  if (bare) {
    response.framing = Framing::kNone;
  } else if (chunked) {
    response.framing = Framing::kChunked;
  } else if (length.given) {
    response.framing = length.value > 0 ? Framing::kLength : Framing::kNone;
  } else {
    response.framing = Framing::kUntilClose;
    response.keepAlive = false;
  }
  return response;
}

void ChunkDecoder::sizeDigit(char c) {
  const bool digit = c >= '0' && c <= '9';
  const char low = static_cast<char>(c | 0x20);
  if (!digit && (low < 'a' || low > 'f')) bad("invalid byte in chunk length");
  if (++digits_ > 15) bad("chunk length too large");
  left_ = left_ << 4 | static_cast<size_t>(digit ? c - '0' : low - 'a' + 10);
}

void ChunkDecoder::step(char c) {
  switch (state_) {
    case State::kSize:
      if (c != ';' && c != '\r' && c != ' ' && c != '\t') return sizeDigit(c);
      if (digits_ == 0) bad("empty chunk length");
      state_ = c == '\r' ? State::kSizeEnd : State::kExtension;
      return;
    case State::kExtension:
      if (c == '\n') bad("malformed chunked encoding");
      if (c == '\r') state_ = State::kSizeEnd;
      return;
    case State::kSizeEnd:
      if (c != '\n') bad("malformed chunked encoding");
      digits_ = 0;
      state_ = left_ == 0 ? State::kTrailer : State::kData;
      // A sender may spend 16 bytes and as much again as its data on framing; beyond that it only
      // costs us time.
      overhead_ -= std::min(overhead_, 16 + 2 * std::min(left_, kMaxChunkOverhead));
      return;
    case State::kDataCr:
      if (c != '\r') bad("malformed chunked encoding");
      state_ = State::kDataLf;
      return;
    case State::kDataLf:
      if (c != '\n') bad("malformed chunked encoding");
      state_ = State::kSize;
      return;
    case State::kTrailer:
      state_ = c == '\r' ? State::kLastLf : State::kTrailerLine;
      if (c == '\n') bad("malformed trailer");
      return;
    case State::kTrailerLine:
      if (c == '\n') bad("malformed trailer");
      if (c == '\r') state_ = State::kTrailerEnd;
      return;
    case State::kTrailerEnd:
      if (c != '\n') bad("malformed trailer");
      state_ = State::kTrailer;
      return;
    case State::kLastLf:
      if (c != '\n') bad("malformed trailer");
      state_ = State::kDone;
      return;
    case State::kData:
    case State::kDone:
      return;
  }
}

ChunkDecoder::Step ChunkDecoder::decode(std::string_view in, char* out, size_t room) {
  Step result;
  while (result.consumed < in.size() && state_ != State::kDone) {
    if (state_ == State::kData) {
      const size_t count = std::min({left_, in.size() - result.consumed, room - result.produced});
      if (count == 0) break;
      std::char_traits<char>::move(out + result.produced, in.data() + result.consumed, count);
      result.consumed += count;
      result.produced += count;
      skip(count);
      continue;
    }
    if (++overhead_ > kMaxChunkOverhead) bad("chunked encoding contains too much non-data");
    step(in[result.consumed++]);
  }
  return result;
}

void ChunkDecoder::skip(size_t bytes) noexcept {
  left_ -= bytes;
  if (left_ == 0) state_ = State::kDataCr;
}

std::string chunkHead(size_t size) {
  return fmt::format("{:x}\r\n", size);
}

std::string_view reasonPhrase(int status) noexcept {
  struct Phrase {
    int status;
    std::string_view text;
  };
  static constexpr std::array kPhrases = {
      Phrase{100, "Continue"},
      Phrase{101, "Switching Protocols"},
      Phrase{200, "OK"},
      Phrase{201, "Created"},
      Phrase{202, "Accepted"},
      Phrase{203, "Non-Authoritative Information"},
      Phrase{204, "No Content"},
      Phrase{205, "Reset Content"},
      Phrase{206, "Partial Content"},
      Phrase{300, "Multiple Choices"},
      Phrase{301, "Moved Permanently"},
      Phrase{302, "Found"},
      Phrase{303, "See Other"},
      Phrase{304, "Not Modified"},
      Phrase{307, "Temporary Redirect"},
      Phrase{308, "Permanent Redirect"},
      Phrase{400, "Bad Request"},
      Phrase{401, "Unauthorized"},
      Phrase{402, "Payment Required"},
      Phrase{403, "Forbidden"},
      Phrase{404, "Not Found"},
      Phrase{405, "Method Not Allowed"},
      Phrase{406, "Not Acceptable"},
      Phrase{407, "Proxy Authentication Required"},
      Phrase{408, "Request Timeout"},
      Phrase{409, "Conflict"},
      Phrase{410, "Gone"},
      Phrase{411, "Length Required"},
      Phrase{412, "Precondition Failed"},
      Phrase{413, "Request Entity Too Large"},
      Phrase{414, "Request URI Too Long"},
      Phrase{415, "Unsupported Media Type"},
      Phrase{416, "Requested Range Not Satisfiable"},
      Phrase{417, "Expectation Failed"},
      Phrase{422, "Unprocessable Entity"},
      Phrase{425, "Too Early"},
      Phrase{426, "Upgrade Required"},
      Phrase{429, "Too Many Requests"},
      Phrase{431, "Request Header Fields Too Large"},
      Phrase{500, "Internal Server Error"},
      Phrase{501, "Not Implemented"},
      Phrase{502, "Bad Gateway"},
      Phrase{503, "Service Unavailable"},
      Phrase{504, "Gateway Timeout"},
      Phrase{505, "HTTP Version Not Supported"},
      Phrase{507, "Insufficient Storage"},
  };
  for (const Phrase& phrase : kPhrases) {
    if (phrase.status == status) return phrase.text;
  }
  return {};
}

std::string dateNow() {
  // By hand: strftime would follow the process's locale.
  constexpr std::string_view kDays = "SunMonTueWedThuFriSat";
  constexpr std::string_view kMonths = "JanFebMarAprMayJunJulAugSepOctNovDec";
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  gmtime_r(&now, &parts);
  return fmt::format("{}, {:02} {} {:04} {:02}:{:02}:{:02} GMT",
                     kDays.substr(static_cast<size_t>(parts.tm_wday) * 3, 3), parts.tm_mday,
                     kMonths.substr(static_cast<size_t>(parts.tm_mon) * 3, 3), parts.tm_year + 1900,
                     parts.tm_hour, parts.tm_min, parts.tm_sec);
}

void appendFields(std::string& head, const Headers& headers) {
  for (const auto& [name, value] : headers.all()) {
    head += name;
    head += ": ";
    for (const char c : value) head += c == '\r' || c == '\n' ? ' ' : c;
    head += "\r\n";
  }
}

}  // namespace http::wire
