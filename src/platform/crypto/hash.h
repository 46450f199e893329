// Content digests by SHA-256 and SHA-512 (FIPS 180-4), with the processor's instructions where it
// has them.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "platform/base/digest.h"
#include "platform/base/stop_token.h"

struct evp_md_ctx_st;

namespace crypto {

enum class Algorithm { kSha256, kSha512 };

// The algorithm of a digest that parsed.
Algorithm algorithmOf(const base::Digest& digest);

// One running hash. Not thread-safe; movable; reusable after finish().
class Hasher {
 public:
  explicit Hasher(Algorithm algorithm = Algorithm::kSha256);
  ~Hasher();
  Hasher(Hasher&&) noexcept;
  Hasher& operator=(Hasher&&) noexcept;
  // A copy of the state so far: the digest of a prefix while the stream goes on.
  Hasher fork() const;

  void update(std::span<const std::byte> bytes);
  void update(std::string_view bytes);
  // The digest of everything since the start or the last finish(); the hasher begins anew.
  base::Digest finish();

 private:
  struct Free {
    void operator()(evp_md_ctx_st* context) const noexcept;
  };
  Hasher(Algorithm algorithm, std::unique_ptr<evp_md_ctx_st, Free> context);

  Algorithm algorithm_;
  std::unique_ptr<evp_md_ctx_st, Free> context_;
};

base::Digest digestOf(std::string_view bytes, Algorithm algorithm = Algorithm::kSha256);
// From the descriptor's present offset to its end. Error kInternal (read), kCancelled.
base::Digest digestOfFd(int fd, Algorithm algorithm = Algorithm::kSha256,
                        const base::StopToken& stop = {});
// Compares without telling by its time where the difference is; for secrets.
bool equalSecret(std::string_view a, std::string_view b) noexcept;

}  // namespace crypto
