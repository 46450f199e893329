// The answer to one request, and the way from a parsed head to the lane that handles it.

#include <charconv>

#include "platform/base/log.h"
#include "platform/base/strings.h"
#include "platform/http/body_reader.h"
#include "platform/http/connection.h"

namespace http {
namespace {

using base::Code;

class ResponseImpl final : public Response {
 public:
  ResponseImpl(std::shared_ptr<ServerShared> shared, std::shared_ptr<Connection> connection,
               bool isHead, int minorVersion)
      : shared_(std::move(shared)),
        connection_(std::move(connection)),
        is_head_(isHead),
        minor_version_(minorVersion) {}

  ~ResponseImpl() override {
    if (connection_ == nullptr) return;
    if (!head_sent_)
      shared_->answerError(base::Error(Code::kInternal, "no answer was given"), *this);
    if (connection_ != nullptr) connection_->finish(false);
  }

  void send(int status, std::string body) override {
    const base::Lock lock(mutex_);
    requireNoHead();
    const bool bodiless = isBodiless(status);
    if (!bodiless && !(is_head_ && headers_.has("Content-Length"))) {
      headers_.set("Content-Length", std::to_string(body.size()));
    }
    const std::string head = makeHead(status);
    connection_->put(head, bodiless || is_head_ ? std::string_view() : body);
    finish(true);
  }

  void begin(int status) override {
    const base::Lock lock(mutex_);
    requireNoHead();
    if (isBodiless(status) || is_head_) {
      mode_ = Mode::kDiscard;
    } else if (headers_.has("Content-Length")) {
      mode_ = Mode::kCounted;
      left_ = base::parseUint(headers_.get("Content-Length")).value_or(0);
    } else if (minor_version_ >= 1) {
      mode_ = Mode::kChunked;
      headers_.set("Transfer-Encoding", "chunked");
    } else {
      mode_ = Mode::kUntilClose;
      until_close_ = true;
    }
    connection_->put(makeHead(status));
  }

  void write(std::string_view bytes) override {
    const base::Lock lock(mutex_);
    requireOpen();
    if (bytes.empty() || mode_ == Mode::kDiscard) return;
    count(bytes.size());
    if (mode_ != Mode::kChunked) return connection_->putBlocking(bytes);
    constexpr size_t kSmall = 16 * 1024;
    if (bytes.size() <= kSmall) return connection_->putBlocking(chunk(bytes));
    connection_->putBlocking(wire::chunkHead(bytes.size()));
    connection_->putBlocking(bytes);
    connection_->putBlocking("\r\n");
  }

  bool tryWrite(std::string_view bytes) override {
    if (!mutex_.try_lock()) return false;  // a write() is waiting: the buffer is full
    bool taken = false;
    if (connection_ != nullptr && head_sent_) {
      if (bytes.empty() || mode_ == Mode::kDiscard) {
        taken = true;
      } else if (mode_ == Mode::kChunked) {
        taken = connection_->tryPut(chunk(bytes));
      } else if (mode_ != Mode::kCounted || bytes.size() <= left_) {
        taken = connection_->tryPut(bytes);
        if (taken && mode_ == Mode::kCounted) left_ -= bytes.size();
      }
    }
    mutex_.unlock();
    return taken;
  }

  void end() override {
    const base::Lock lock(mutex_);
    if (connection_ == nullptr) return;
    requireOpen();
    if (mode_ == Mode::kChunked) connection_->put("0\r\n\r\n");
    finish(mode_ != Mode::kCounted || left_ == 0);
  }

  Released release(std::string_view head) override {
    const base::Lock lock(mutex_);
    requireNoHead();
    head_sent_ = true;
    const auto connection = std::move(connection_);
    return connection->release(head);
  }

  bool headSent() const noexcept override { return head_sent_; }

  base::StopToken gone() const override {
    const base::Lock lock(mutex_);
    if (connection_ != nullptr) return connection_->gone();
    return {};
  }

 private:
  enum class Mode { kNone, kCounted, kChunked, kUntilClose, kDiscard };

  static bool isBodiless(int status) { return status < 200 || status == 204 || status == 304; }

  static std::string chunk(std::string_view bytes) {
    std::string framed = wire::chunkHead(bytes.size());
    framed.reserve(framed.size() + bytes.size() + 2);
    framed.append(bytes);
    framed += "\r\n";
    return framed;
  }

  void requireNoHead() REQUIRES(mutex_) {
    if (connection_ == nullptr || head_sent_) {
      base::fail(Code::kInternal, "http: the request was answered already");
    }
  }
  void requireOpen() REQUIRES(mutex_) {
    if (connection_ == nullptr) base::fail(Code::kCancelled, "http: the answer has ended");
    if (!head_sent_) base::fail(Code::kInternal, "http: body before head");
  }
  void count(size_t bytes) REQUIRES(mutex_) {
    if (mode_ != Mode::kCounted) return;
    if (bytes > left_) base::fail(Code::kInternal, "http: more body than Content-Length");
    left_ -= bytes;
  }

  std::string makeHead(int status) REQUIRES(mutex_) {
    head_sent_ = true;
    connection_->noteHeadSent();
    const bool keep = connection_->mayKeepAlive() && !until_close_;
    if (!keep) {
      headers_.set("Connection", "close");
    } else if (minor_version_ == 0) {
      headers_.set("Connection", "keep-alive");
    }
    closes_ = !keep;
    if (!headers_.has("Date")) headers_.add("Date", wire::dateNow());
    std::string_view reason = wire::reasonPhrase(status);
    std::string head = fmt::format("HTTP/1.1 {:03} {}\r\n", status,
                                   reason.empty() ? std::string_view("status code") : reason);
    wire::appendFields(head, headers_);
    head += "\r\n";
    return head;
  }

  void finish(bool whole) REQUIRES(mutex_) {
    const auto connection = std::move(connection_);
    connection->finish(whole && !closes_);
  }

  const std::shared_ptr<ServerShared> shared_;
  mutable base::Mutex mutex_;
  std::shared_ptr<Connection> connection_ GUARDED_BY(mutex_);  // null once the answer has ended
  const bool is_head_;
  const int minor_version_;
  std::atomic<bool> head_sent_{false};
  Mode mode_ GUARDED_BY(mutex_) = Mode::kNone;
  std::uint64_t left_ GUARDED_BY(mutex_) = 0;
  bool until_close_ GUARDED_BY(mutex_) = false;
  bool closes_ GUARDED_BY(mutex_) = false;
};

}  // namespace

void ServerShared::answerError(const base::Error& error, Response& response) noexcept {
  try {
    onError(error, response);
    return;
  } catch (const std::exception& second) {
    base::log::error("cannot answer", {{"error", error.message()}, {"second", second.what()}});
  }
}

void ServerShared::handle(Request request, const ResponsePtr& response) noexcept {
  try {
    if (stopping) base::fail(Code::kUnavailable, "server is shutting down");
    handler(std::move(request), response);
    return;
  } catch (const base::Error& error) {
    if (!response->headSent()) answerError(error, *response);
  } catch (const std::exception& error) {
    const base::Error wrapped(Code::kInternal, error.what());
    if (!response->headSent()) answerError(wrapped, *response);
  }
}

void Connection::beginRequest(wire::RequestHead head) {
  Request request = makeRequest(head);
  const bool isHead = request.method == "HEAD";
  const auto body = std::make_shared<BodyReader>(shared_from_this(), head);
  request.body = body;
  {
    const base::Lock lock(mutex_);
    state_ = State::kHandling;
    keep_alive_ = head.keepAlive;
    upgrade_ = request.headers.contains("Connection", "upgrade");
    is_gone_ = false;
    half_closed_ = false;
    body_ = body;
    head_sent_ = false;
    arm();
  }
  dispatch(std::move(request),
           std::make_shared<ResponseImpl>(shared_, shared_from_this(), isHead, head.minorVersion));
}

void Connection::dispatch(Request request, const ResponsePtr& response) {
  struct Exchange {
    Request request;
    ResponsePtr response;
  };
  const Place place = shared_->laneOf ? shared_->laneOf(request) : Place(Lane::kQuick);
  auto exchange = std::make_shared<Exchange>(Exchange{std::move(request), response});
  auto task = [shared = shared_, exchange]() mutable {
    // Moved out first: the lane's thread keeps nothing of a request that is to be answered later.
    Exchange mine = std::move(*exchange);
    exchange.reset();
    shared->handle(std::move(mine.request), mine.response);
  };
  const bool taken =
      shared_->pool(place.lane).submit(std::move(task), place.key, shared_->options.perKey);
  if (!taken) {
    shared_->answerError(base::Error(Code::kUnavailable, "too many requests: try again later"),
                         *response);
  }
}

}  // namespace http
