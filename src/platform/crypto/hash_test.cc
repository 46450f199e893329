#include "platform/crypto/hash.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include "platform/base/error.h"

namespace crypto {
namespace {

constexpr std::string_view kAbc256 =
    "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
constexpr std::string_view kAbc512 =
    "sha512:ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
    "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f";

TEST(Hasher, MatchesThePublishedVectors) {
  EXPECT_EQ(digestOf("abc").str(), kAbc256);
  EXPECT_EQ(digestOf("abc", Algorithm::kSha512).str(), kAbc512);
  EXPECT_EQ(digestOf("").str(),
            "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

TEST(Hasher, PiecesGiveTheSameAsTheWholeAndItBeginsAnewAfterFinish) {
  Hasher hasher;
  hasher.update("a");
  hasher.update("bc");
  EXPECT_EQ(hasher.finish().str(), kAbc256);
  hasher.update("abc");
  EXPECT_EQ(hasher.finish().str(), kAbc256);
}

TEST(Hasher, ForkIsThePrefixWhileTheStreamGoesOn) {
  Hasher hasher;
  hasher.update("abc");
  Hasher prefix = hasher.fork();
  hasher.update("def");
  EXPECT_EQ(prefix.finish().str(), kAbc256);
  EXPECT_EQ(hasher.finish(), digestOf("abcdef"));
}

TEST(Hasher, DescriptorIsReadFromItsOffset) {
  const int fd = memfd_create("digest", MFD_CLOEXEC);
  ASSERT_EQ(::write(fd, "xxabc", 5), 5);
  ASSERT_EQ(::lseek(fd, 2, SEEK_SET), 2);
  EXPECT_EQ(digestOfFd(fd).str(), kAbc256);
  ::close(fd);
  EXPECT_THROW(digestOfFd(fd), base::Error);
}

TEST(Hasher, StopsWhenAsked) {
  base::StopSource source;
  source.stop();
  const int fd = memfd_create("digest", MFD_CLOEXEC);
  EXPECT_THROW(digestOfFd(fd, Algorithm::kSha256, source.token()), base::Error);
  ::close(fd);
}

TEST(Hasher, AlgorithmComesFromTheDigest) {
  EXPECT_EQ(algorithmOf(base::Digest::parse(kAbc512)), Algorithm::kSha512);
  EXPECT_EQ(algorithmOf(base::Digest::parse(kAbc256)), Algorithm::kSha256);
}

TEST(EqualSecret, ComparesWhole) {
  EXPECT_TRUE(equalSecret("abc", "abc"));
  EXPECT_FALSE(equalSecret("abc", "abd"));
  EXPECT_FALSE(equalSecret("abc", "abcd"));
}

}  // namespace
}  // namespace crypto
