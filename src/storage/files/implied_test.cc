// Directories that a tar has no entry for: few bytes can ask for many.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "platform/base/error.h"
#include "storage/files/test_tree.h"
#include "storage/files/unpack.h"

namespace files {
namespace {

using files::testing::Tar;
using files::testing::TemporaryDirectory;
using ::testing::HasSubstr;

std::string errorOf(const std::string& tar, int directory, const UnpackOptions& options) {
  try {
    archive::StringSource source(tar);
    unpack(source, directory, options);
  } catch (const base::Error& error) {
    EXPECT_EQ(error.code(), base::Code::kInvalidArgument);
    return error.message();
  }
  return "no error";
}

std::string nested(int depth) {
  std::string path;
  for (int i = 0; i < depth; ++i) path += "a/";
  return path;
}

TEST(Implied, DirectoriesCountAsEntries) {
  TemporaryDirectory root;
  Tar few;
  few.file(nested(8) + "f", "x");
  EXPECT_EQ(errorOf(few.bytes(), root.fd(), {.limits = {.entries = 10}}), "no error");
  Tar many;
  many.file("b/" + nested(10) + "f", "x");
  EXPECT_THAT(errorOf(many.bytes(), root.fd(), {.limits = {.entries = 10}}),
              HasSubstr("too many directories that it has no entry for: 10 with 1 entries"));
}

TEST(Implied, NamesOfDirectoriesCountAsNames) {
  TemporaryDirectory root;
  Tar tar;
  tar.file(nested(100) + "f", "x");
  EXPECT_THAT(errorOf(tar.bytes(), root.fd(), {.limits = {.totalNameBytes = 5000}}),
              HasSubstr("too many directories that it has no entry for"));
}

TEST(Implied, DepthIsBounded) {
  TemporaryDirectory root;
  for (const auto whiteouts : {Whiteouts::kOverlay, Whiteouts::kApply, Whiteouts::kLiteral}) {
    Tar deep;
    deep.file(nested(1001) + "f", "x");
    EXPECT_THAT(errorOf(deep.bytes(), root.fd(), {.whiteouts = whiteouts}),
                HasSubstr("directories are nested deeper than 1000"));
  }
  EXPECT_TRUE(sys::listDir(root.fd()).empty());
  Tar allowed;
  allowed.file(nested(1000) + "f", "x");
  EXPECT_EQ(errorOf(allowed.bytes(), root.fd(), {}), "no error");
}

// More paths than are remembered: the layer is then one that needs its parents, in any case.
TEST(Implied, MoreThanAreRememberedLeaveToParents) {
  TemporaryDirectory root;
  Tar tar;
  for (int i = 0; i < 20; ++i) {
    const std::string above = std::to_string(i) + "/";
    tar.file(above + nested(999) + "f", "x");
  }
  const std::string bytes = tar.bytes();
  archive::StringSource source(bytes);
  const auto record = unpack(source, root.fd(), {});
  EXPECT_TRUE(record.leavesToParents);
  EXPECT_LT(record.impliedDirectories.size(), 20'000u);
  std::uint64_t kept = 0;
  for (const auto& path : record.impliedDirectories) kept += path.size();
  EXPECT_LE(kept, 8u << 20);
}

}  // namespace
}  // namespace files
