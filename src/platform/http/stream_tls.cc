#include "platform/crypto/tls.h"
#include "platform/http/stream.h"

namespace http {
namespace {

class SecureStream final : public Stream {
 public:
  SecureStream(sys::Fd socket, std::shared_ptr<const crypto::TlsContext> context,
               const std::string& host, const Wait& wait)
      : socket_(std::move(socket)),
        tls_(std::move(context), socket_.get(), host, crypto::TlsWait{wait.stop, wait.idle}) {}

  Progress tryRead(std::span<char> into) override { return convert(tls_.tryRead(into)); }
  Progress tryWrite(std::span<const char> bytes) override { return convert(tls_.tryWrite(bytes)); }
  void closeWrite() noexcept override { tls_.closeWrite(); }
  int fd() const noexcept override { return socket_.get(); }
  sys::Fd take() noexcept override { return {}; }

 private:
  static Progress convert(const crypto::TlsStream::Progress& progress) {
    return {progress.bytes, progress.end, progress.need};
  }

  sys::Fd socket_;
  crypto::TlsStream tls_;
};

}  // namespace

std::unique_ptr<Stream> tlsStream(sys::Fd socket, std::shared_ptr<const crypto::TlsContext> context,
                                  const std::string& host, const Wait& wait) {
  return std::make_unique<SecureStream>(std::move(socket), std::move(context), host, wait);
}

std::shared_ptr<const crypto::TlsContext> makeTlsContext(const TlsOptions& options) {
  crypto::TlsClientConfig config;
  config.verify = options.verify;
  config.caFiles = options.caFiles;
  if (!options.caFile.empty()) config.caFiles.push_back(options.caFile);
  config.certFile = options.certFile;
  config.keyFile = options.keyFile;
  return crypto::TlsContext::client(config);
}

}  // namespace http
