#include "platform/crypto/hash.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <vector>

#include "platform/base/error.h"

namespace crypto {
namespace {

// Fetched once: EVP_sha256() would look the implementation up again at every init, which costs more
// than a small hash.
const EVP_MD* methodOf(Algorithm algorithm) {
  static EVP_MD* const sha256 = EVP_MD_fetch(nullptr, "SHA2-256", nullptr);
  static EVP_MD* const sha512 = EVP_MD_fetch(nullptr, "SHA2-512", nullptr);
  return algorithm == Algorithm::kSha256 ? sha256 : sha512;
}

void require(int result, const char* step) {
  if (result != 1) base::fail(base::Code::kInternal, "crypto: {} failed", step);
}

std::string hexOf(std::span<const unsigned char> bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  text.reserve(bytes.size() * 2);
  for (const unsigned char byte : bytes) {
    text += kDigits[byte >> 4];
    text += kDigits[byte & 15];
  }
  return text;
}

}  // namespace

Algorithm algorithmOf(const base::Digest& digest) {
  if (digest.algorithm() == "sha256") return Algorithm::kSha256;
  if (digest.algorithm() == "sha512") return Algorithm::kSha512;
  base::fail(base::Code::kInvalidArgument, "unsupported digest algorithm: {}", digest.algorithm());
}

void Hasher::Free::operator()(evp_md_ctx_st* context) const noexcept {
  EVP_MD_CTX_free(context);
}

Hasher::Hasher(Algorithm algorithm) : algorithm_(algorithm), context_(EVP_MD_CTX_new()) {
  require(EVP_DigestInit_ex2(context_.get(), methodOf(algorithm_), nullptr), "digest init");
}

Hasher::Hasher(Algorithm algorithm, std::unique_ptr<evp_md_ctx_st, Free> context)
    : algorithm_(algorithm), context_(std::move(context)) {}

Hasher::~Hasher() = default;
Hasher::Hasher(Hasher&&) noexcept = default;
Hasher& Hasher::operator=(Hasher&&) noexcept = default;

Hasher Hasher::fork() const {
  std::unique_ptr<evp_md_ctx_st, Free> copy(EVP_MD_CTX_new());
  require(EVP_MD_CTX_copy_ex(copy.get(), context_.get()), "digest copy");
  return Hasher(algorithm_, std::move(copy));
}

void Hasher::update(std::span<const std::byte> bytes) {
  require(EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size()), "digest update");
}

void Hasher::update(std::string_view bytes) {
  update(std::as_bytes(std::span(bytes.data(), bytes.size())));
}

base::Digest Hasher::finish() {
  std::array<unsigned char, EVP_MAX_MD_SIZE> bytes;
  unsigned size = 0;
  require(EVP_DigestFinal_ex(context_.get(), bytes.data(), &size), "digest final");
  require(EVP_DigestInit_ex2(context_.get(), nullptr, nullptr), "digest init");
  const std::string_view name = algorithm_ == Algorithm::kSha256 ? "sha256:" : "sha512:";
  return base::Digest::parse(std::string(name) + hexOf(std::span(bytes.data(), size)));
}

base::Digest digestOf(std::string_view bytes, Algorithm algorithm) {
  Hasher hasher(algorithm);
  hasher.update(bytes);
  return hasher.finish();
}

base::Digest digestOfFd(int fd, Algorithm algorithm, const base::StopToken& stop) {
  Hasher hasher(algorithm);
  std::vector<std::byte> buffer(256 * 1024);
  for (;;) {
    stop.throwIfStopped();
    const ssize_t got = ::read(fd, buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) base::failErrno(errno, "read", "file to digest");
    if (got == 0) return hasher.finish();
    hasher.update(std::span(buffer.data(), static_cast<size_t>(got)));
  }
}

bool equalSecret(std::string_view a, std::string_view b) noexcept {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace crypto
