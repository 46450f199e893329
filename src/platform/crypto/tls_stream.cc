#include <arpa/inet.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <sys/socket.h>

#include <cstring>
#include <mutex>

#include "platform/base/error.h"
#include "platform/base/wait.h"
#include "platform/crypto/tls.h"
#include "platform/crypto/verify.h"

namespace crypto {
namespace {

using base::Code;

// A BIO of our own: the stock one writes with write(2), which raises SIGPIPE in programs that keep
// its default.
struct SocketState {
  int fd = -1;
  char first[5] = {};  // tells an HTTP server that answers in the clear
  size_t seen = 0;
  int error = 0;  // errno of the last failure
};

int socketRead(BIO* bio, char* into, int size) {
  auto* state = static_cast<SocketState*>(BIO_get_data(bio));
  BIO_clear_retry_flags(bio);
  const ssize_t got = ::recv(state->fd, into, static_cast<size_t>(size), MSG_DONTWAIT);
  if (got < 0) {
    state->error = errno;
    if (errno == EAGAIN || errno == EINTR) BIO_set_retry_read(bio);
    return -1;
  }
  for (ssize_t i = 0; i < got && state->seen < sizeof state->first; ++i) {
    state->first[state->seen++] = into[i];
  }
  return static_cast<int>(got);
}

int socketWrite(BIO* bio, const char* bytes, int size) {
  auto* state = static_cast<SocketState*>(BIO_get_data(bio));
  BIO_clear_retry_flags(bio);
  const ssize_t put =
      ::send(state->fd, bytes, static_cast<size_t>(size), MSG_DONTWAIT | MSG_NOSIGNAL);
  if (put < 0) {
    state->error = errno;
    if (errno == EAGAIN || errno == EINTR) BIO_set_retry_write(bio);
  }
  return static_cast<int>(put);
}

long socketControl(BIO*, int command, long, void*) {
  return command == BIO_CTRL_FLUSH ? 1 : 0;
}

BIO_METHOD* socketMethod() {
  static BIO_METHOD* const method = [] {
    BIO_METHOD* made = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "sampan socket");
    BIO_meth_set_read(made, socketRead);
    BIO_meth_set_write(made, socketWrite);
    BIO_meth_set_ctrl(made, socketControl);
    return made;
  }();
  return method;
}

}  // namespace

struct TlsStream::Impl {
  using Progress = TlsStream::Progress;

  std::shared_ptr<const TlsContext> context;
  SocketState socket;
  std::string host;
  std::string refusal;  // why the certificate was refused
  std::mutex mutex;     // OpenSSL allows one call on an SSL at a time
  SSL* ssl = nullptr;

  ~Impl() { SSL_free(ssl); }

  static int onVerify(int good, X509_STORE_CTX* store) {
    const auto* ssl =
        static_cast<SSL*>(X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx()));
    auto* self = static_cast<Impl*>(SSL_get_app_data(ssl));
    if (good == 0 && self->refusal.empty()) self->refusal = refusalText(store, self->host);
    return good;
  }

  void prepare(SSL_CTX* native, bool verify) {
    ssl = SSL_new(native);
    if (ssl == nullptr) base::fail(Code::kInternal, "tls: out of memory");
    SSL_set_app_data(ssl, this);
    unsigned char address[16];
    const bool isAddress = inet_pton(AF_INET, host.c_str(), address) == 1 ||
                           inet_pton(AF_INET6, host.c_str(), address) == 1;
    if (!isAddress) SSL_set_tlsext_host_name(ssl, host.c_str());
    if (verify) {
      X509_VERIFY_PARAM* param = SSL_get0_param(ssl);
      X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
      if (isAddress) {
        X509_VERIFY_PARAM_set1_ip_asc(param, host.c_str());
      } else {
        X509_VERIFY_PARAM_set1_host(param, host.data(), host.size());
      }
      SSL_set_verify(ssl, SSL_VERIFY_PEER, &Impl::onVerify);
    }
    BIO* bio = BIO_new(socketMethod());
    BIO_set_data(bio, &socket);
    BIO_set_init(bio, 1);
    SSL_set_bio(ssl, bio, bio);
  }

  [[noreturn]] void failNow(int kind) {
    const unsigned long code = ERR_peek_error();
    ERR_clear_error();
    if (!refusal.empty()) {
      base::fail(Code::kUnavailable, "tls: failed to verify certificate: {}", refusal);
    }
    if (kind == SSL_ERROR_SYSCALL || ERR_GET_REASON(code) == SSL_R_UNEXPECTED_EOF_WHILE_READING) {
      if (code == 0 && socket.error != 0 && socket.error != EAGAIN) {
        throw base::Error(Code::kUnavailable, base::errnoText(socket.error), socket.error);
      }
      base::fail(Code::kUnavailable, "{}",
                 SSL_is_init_finished(ssl) == 1 ? "unexpected EOF" : "EOF");
    }
    if (socket.seen == 5 && std::memcmp(socket.first, "HTTP/", 5) == 0) {
      base::fail(Code::kUnavailable, "http: server gave HTTP response to HTTPS client");
    }
    const int reason = ERR_GET_REASON(code);
    if (reason > SSL_AD_REASON_OFFSET && reason < SSL_AD_REASON_OFFSET + 256) {
      base::fail(Code::kUnavailable, "remote error: tls: {}",
                 SSL_alert_desc_string_long(reason - SSL_AD_REASON_OFFSET));
    }
    if (reason == SSL_R_WRONG_VERSION_NUMBER) {
      base::fail(Code::kUnavailable, "tls: first record does not look like a TLS handshake");
    }
    const char* text = ERR_reason_error_string(code);
    base::fail(Code::kUnavailable, "tls: {}", text == nullptr ? "connection failed" : text);
  }

  template <class Call>
  Progress attempt(const Call& call) {
    const std::lock_guard lock(mutex);
    ERR_clear_error();
    socket.error = 0;
    const int result = call();
    if (result > 0) return {static_cast<size_t>(result), false, 0};
    switch (const int kind = SSL_get_error(ssl, result)) {
      case SSL_ERROR_ZERO_RETURN:
        return {0, true, 0};
      case SSL_ERROR_WANT_READ:
        return {0, false, POLLIN};
      case SSL_ERROR_WANT_WRITE:
        return {0, false, POLLOUT};
      default:
        failNow(kind);
    }
  }
};

TlsStream::TlsStream(std::shared_ptr<const TlsContext> context, int fd, const std::string& host,
                     const TlsWait& wait)
    : impl_(std::make_unique<Impl>()) {
  impl_->context = std::move(context);
  impl_->socket.fd = fd;
  impl_->host = host;
  impl_->prepare(impl_->context->context_, impl_->context->verify_);
  for (;;) {
    const Progress progress = impl_->attempt([&] { return SSL_connect(impl_->ssl); });
    if (progress.end) base::fail(Code::kUnavailable, "EOF");
    if (progress.bytes > 0) return;
    base::waitFor(fd, progress.need, wait.stop, wait.idle);
  }
}

TlsStream::~TlsStream() = default;

TlsStream::Progress TlsStream::tryRead(std::span<char> into) {
  return impl_->attempt(
      [&] { return SSL_read(impl_->ssl, into.data(), static_cast<int>(into.size())); });
}

TlsStream::Progress TlsStream::tryWrite(std::span<const char> bytes) {
  const Progress progress = impl_->attempt(
      [&] { return SSL_write(impl_->ssl, bytes.data(), static_cast<int>(bytes.size())); });
  if (progress.end) base::fail(Code::kUnavailable, "EOF");
  return progress;
}

void TlsStream::closeWrite() noexcept {
  try {
    // 0 means that ours is sent and the peer's is still to come, which the reader will see.
    impl_->attempt([&] {
      const int result = SSL_shutdown(impl_->ssl);
      return result == 0 ? 1 : result;
    });
  } catch (const base::Error&) {
  }
}

}  // namespace crypto
