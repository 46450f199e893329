// A TLS server with a certificate made on the spot, for the client's tests.
#pragma once

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <atomic>
#include <csignal>
#include <cstdio>
#include <functional>
#include <string>
#include <thread>

#include "platform/http/server_test_util.h"

namespace http::test {

struct CertificateOptions {
  std::string names = "DNS:registry.example,IP:127.0.0.1";  // subjectAltName
  long notBefore = -3600, notAfter = 3600;                  // seconds from now
};

class TlsTestServer {
 public:
  using Serve = std::function<std::string(const std::string& head)>;  // head -> the whole answer

  explicit TlsTestServer(Serve serve, const CertificateOptions& options = {})
      : where(listenOn(Net::kTcp)), serve_(std::move(serve)) {
    ::signal(SIGPIPE, SIG_IGN);  // OpenSSL's own socket BIO raises it
    makeCertificate(options);
    thread_ = std::thread([this] { run(); });
  }
  ~TlsTestServer() {
    stopping_ = true;
    ::shutdown(where.socket.get(), SHUT_RDWR);
    thread_.join();
    SSL_CTX_free(context_);
    ::unlink(caFile.c_str());
  }

  Listening where;
  std::string caFile;
  std::atomic<int> handshakes{0};

 private:
  void makeCertificate(const CertificateOptions& options) {
    EVP_PKEY* key = EVP_EC_gen("P-256");
    X509* certificate = X509_new();
    X509_set_version(certificate, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
    X509_gmtime_adj(X509_getm_notBefore(certificate), options.notBefore);
    X509_gmtime_adj(X509_getm_notAfter(certificate), options.notAfter);
    X509_set_pubkey(certificate, key);
    X509_NAME* name = X509_get_subject_name(certificate);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
                               reinterpret_cast<const unsigned char*>("registry.example"), -1, -1,
                               0);
    X509_set_issuer_name(certificate, name);
    if (!options.names.empty()) {
      X509_EXTENSION* extension =
          X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, options.names.c_str());
      X509_add_ext(certificate, extension, -1);
      X509_EXTENSION_free(extension);
    }
    X509_sign(certificate, key, EVP_sha256());
    caFile =
        "/tmp/sampan_ca_" + std::to_string(getpid()) + "_" + std::to_string(where.port) + ".pem";
    FILE* file = std::fopen(caFile.c_str(), "we");
    PEM_write_X509(file, certificate);
    std::fclose(file);
    context_ = SSL_CTX_new(TLS_server_method());
    SSL_CTX_use_certificate(context_, certificate);
    SSL_CTX_use_PrivateKey(context_, key);
    X509_free(certificate);
    EVP_PKEY_free(key);
  }

  void run() {
    while (!stopping_) {
      const sys::Fd socket(::accept4(where.socket.get(), nullptr, nullptr, SOCK_CLOEXEC));
      if (!socket.valid()) continue;
      SSL* ssl = SSL_new(context_);
      SSL_set_fd(ssl, socket.get());
      if (SSL_accept(ssl) == 1) {
        ++handshakes;
        serveOne(ssl);
      }
      SSL_free(ssl);
    }
  }

  void serveOne(SSL* ssl) {
    std::string text;
    char buffer[16384];
    for (;;) {
      const int got = SSL_read(ssl, buffer, sizeof buffer);
      if (got <= 0) return;
      text.append(buffer, static_cast<size_t>(got));
      const auto end = text.find("\r\n\r\n");
      if (end == std::string::npos) continue;
      const std::string answer = serve_(text.substr(0, end + 4));
      text.clear();
      if (answer.empty()) return;
      for (size_t sent = 0; sent < answer.size();) {
        const int put =
            SSL_write(ssl, answer.data() + sent, static_cast<int>(answer.size() - sent));
        if (put <= 0) return;
        sent += static_cast<size_t>(put);
      }
      if (answer.find("Connection: close") != std::string::npos) {
        SSL_shutdown(ssl);
        return;
      }
    }
  }

  Serve serve_;
  SSL_CTX* context_ = nullptr;
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

}  // namespace http::test
