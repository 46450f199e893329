#include "platform/archive/tar.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "platform/archive/tar_format.h"
#include "platform/base/error.h"
#include "platform/sys/spawn.h"

namespace archive {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

TarEntry fileEntry(const std::string& name, std::uint64_t size = 0) {
  TarEntry entry;
  entry.name = name;
  entry.size = size;
  entry.mode = 0644;
  return entry;
}

std::string written(const TarEntry& entry, std::string_view contents = "") {
  StringSink out;
  TarWriter writer(out);
  writer.add(entry);
  writer.data({contents.data(), contents.size()});
  writer.finish();
  return out.text;
}

std::vector<TarEntry> readAll(std::string_view tar, TarLimits limits = {}) {
  StringSource source(tar);
  TarReader reader(source, limits);
  std::vector<TarEntry> entries;
  TarEntry entry;
  while (reader.next(entry)) entries.push_back(entry);
  return entries;
}

std::string errorOf(std::string_view tar, TarLimits limits = {}) {
  try {
    readAll(tar, limits);
  } catch (const base::Error& error) {
    EXPECT_EQ(error.code(), base::Code::kInvalidArgument);
    return error.message();
  }
  return "no error";
}

// One header block as some other program would write it.
std::string block(char type, const std::string& name, std::uint64_t size,
                  const std::string& magic = std::string("ustar\00000", 8)) {
  std::string header(kTarBlock, '\0');
  const auto put = [&](TarField which, std::string_view text) {
    header.replace(which.at, text.size(), text);
  };
  put(kName, name);
  put(kMode, "0000644");
  put(kUid, "0000000");
  put(kGid, "0000000");
  put(kSize, fmt::format("{:011o}", size));
  put(kTime, "00000000000");
  header[kType.at] = type;
  put(kMagic, magic);
  put(kChecksum, fmt::format("{:06o}", tarChecksum(header, false)) + std::string("\0 ", 2));
  return header;
}

std::string padded(std::string text) {
  return text + std::string(paddingOf(text.size()), '\0');
}
const std::string kEnd(2 * kTarBlock, '\0');

TEST(TarNumber, OctalAndBase256) {
  EXPECT_EQ(parseTarNumber("0000644"), 0644);
  EXPECT_EQ(parseTarNumber(" 644 "), 0644);
  EXPECT_EQ(parseTarNumber(std::string_view("644\0junk", 8)), 0644);
  EXPECT_EQ(parseTarNumber(""), 0);
  EXPECT_FALSE(parseTarNumber("0008"));
  EXPECT_FALSE(parseTarNumber("-1"));
  EXPECT_EQ(parseTarNumber(std::string_view("\x80\0\0\0\0\0\1\2", 8)), 258);
  EXPECT_EQ(parseTarNumber("\xff\xff\xff\xff\xff\xff\xff\xfe"), -2);
  EXPECT_EQ(parseTarNumber(std::string_view("\x80\0\0\0\x7f\xff\xff\xff\xff\xff\xff\xff", 12)),
            INT64_MAX);
  EXPECT_FALSE(parseTarNumber(std::string_view("\x80\0\0\0\x80\0\0\0\0\0\0\0", 12)));
  EXPECT_FALSE(parseTarNumber("\xbf\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"));
}

TEST(PaxTime, FractionCountsForward) {
  EXPECT_EQ(parsePaxTime("12"), (TarTime{12, 0}));
  EXPECT_EQ(parsePaxTime("12.5"), (TarTime{12, 500'000'000}));
  EXPECT_EQ(parsePaxTime("12.1234567891"), (TarTime{12, 123'456'789}));
  EXPECT_EQ(parsePaxTime("-1.25"), (TarTime{-2, 750'000'000}));
  EXPECT_EQ(parsePaxTime("-0.5"), (TarTime{-1, 500'000'000}));
  EXPECT_FALSE(parsePaxTime("1.x"));
  EXPECT_FALSE(parsePaxTime(""));
  EXPECT_FALSE(parsePaxTime("."));
}

TEST(PaxRecord, LengthCountsItself) {
  EXPECT_EQ(paxRecord("a", "b"), "6 a=b\n");
  const auto record = paxRecord("path", std::string(91, 'x'));
  EXPECT_EQ(record.substr(0, 4), "101 ");
  EXPECT_EQ(record.size(), 101u);
  EXPECT_EQ(paxRecord("path", std::string(90, 'x')).size(), 99u);
  for (size_t size = 0; size < 1200; ++size) {
    size_t seen = 0;
    ASSERT_TRUE(parsePax(paxRecord("k", std::string(size, 'v')),
                         [&](auto, auto value) { seen = value.size(); }));
    ASSERT_EQ(seen, size);
  }
}

TEST(Tar, EverythingSurvivesARoundTrip) {
  TarEntry entry = fileEntry("dir/" + std::string(150, 'n') + "/ü", 3);
  entry.mode = 07755;
  entry.uid = 4'000'000'000;
  entry.gid = 2'097'152;
  entry.userName = std::string(40, 'u');
  entry.groupName = "gruppe-ä";
  entry.modified = {-5, 250'000'000};
  entry.accessed = TarTime{77, 1};
  entry.xattrs = {{"security.capability", std::string("\1\0\0\2=\n", 6)}, {"user.x", ""}};
  const auto back = readAll(written(entry, "abc"));
  ASSERT_EQ(back.size(), 1u);
  EXPECT_EQ(back[0].name, entry.name);
  EXPECT_EQ(back[0].mode, entry.mode);
  EXPECT_EQ(back[0].uid, entry.uid);
  EXPECT_EQ(back[0].gid, entry.gid);
  EXPECT_EQ(back[0].userName, entry.userName);
  EXPECT_EQ(back[0].groupName, entry.groupName);
  EXPECT_EQ(back[0].modified, entry.modified);
  EXPECT_EQ(back[0].accessed, entry.accessed);
  EXPECT_EQ(back[0].xattrs, entry.xattrs);
  EXPECT_EQ(back[0].size, 3u);
}

TEST(Tar, NamesOfEveryLengthSurvive) {
  for (size_t size = 1; size < 600; ++size) {
    std::string name;
    while (name.size() < size) name += name.size() % 40 == 39 ? '/' : 'x';
    if (name.back() == '/') name.back() = 'y';
    ASSERT_EQ(readAll(written(fileEntry(name))).at(0).name, name);
    TarEntry directory = fileEntry(name + "/");
    directory.type = EntryType::kDirectory;
    ASSERT_EQ(readAll(written(directory)).at(0).name, name + "/");
    TarEntry link = fileEntry("l");
    link.type = EntryType::kSymlink;
    link.linkName = name;
    ASSERT_EQ(readAll(written(link)).at(0).linkName, name);
  }
}

TEST(Tar, PlainEntryNeedsNoPaxHeader) {
  EXPECT_EQ(written(fileEntry("a/b")).size(), 3 * kTarBlock);
}

TEST(Tar, OtherProgramsReadWhatIsWritten) {
  TarEntry entry = fileEntry("very/" + std::string(250, 'l') + "/long", 5);
  entry.modified = {1'600'000'000, 5};
  const auto listing = sys::run({"/bin/tar", "-tvf", "-"}, written(entry, "12345"));
  EXPECT_EQ(listing.status.code, 0) << listing.err;
  EXPECT_THAT(listing.out, HasSubstr(entry.name));
  EXPECT_EQ(listing.err, "");
}

TEST(Tar, DataMustBeWhole) {
  StringSink out;
  TarWriter writer(out);
  writer.add(fileEntry("f", 3));
  writer.data(std::string_view("ab"));
  EXPECT_THROW(writer.finish(), base::Error);
  EXPECT_THROW(writer.add(fileEntry("g")), base::Error);
  EXPECT_THROW(writer.data(std::string_view("cd")), base::Error);
}

TEST(Tar, GnuLongNames) {
  const std::string name(300, 'n'), target(400, 't');
  const auto tar = block('L', "././@LongLink", name.size() + 1, "ustar  ") + padded(name + '\0') +
                   block('K', "././@LongLink", target.size(), "ustar  ") + padded(target) +
                   block('2', "short", 0, "ustar  ") + kEnd;
  const auto entries = readAll(tar);
  ASSERT_EQ(entries.size(), 1u);
  EXPECT_EQ(entries[0].name, name);
  EXPECT_EQ(entries[0].linkName, target);
}

TEST(Tar, OldArchivesWithoutMagic) {
  const auto entries = readAll(block('\0', "dir/", 0, "") + block('\0', "file", 0, "") + kEnd);
  ASSERT_EQ(entries.size(), 2u);
  EXPECT_EQ(entries[0].type, EntryType::kDirectory);
  EXPECT_EQ(entries[1].type, EntryType::kFile);
}

TEST(Tar, PaxOverridesHoldForOneEntry) {
  const auto pax =
      paxRecord("path", "from pax") + paxRecord("size", "1") + paxRecord("unknown.key", "x");
  const auto entries =
      readAll(block('x', "PaxHeaders.0/x", pax.size()) + padded(pax) + block('0', "header", 0) +
              padded("1") + block('0', "second", 0) + kEnd);
  ASSERT_EQ(entries.size(), 2u);
  EXPECT_EQ(entries[0].name, "from pax");
  EXPECT_EQ(entries[0].size, 1u);
  EXPECT_EQ(entries[1].name, "second");
}

TEST(Tar, GlobalHeadersSayNothing) {
  const auto pax = paxRecord("path", "global") + paxRecord("comment", "commit");
  const auto entries = readAll(block('g', "pax_global_header", pax.size()) + padded(pax) +
                               block('0', "file", 0) + kEnd);
  ASSERT_EQ(entries.size(), 1u);
  EXPECT_EQ(entries[0].name, "file");
}

TEST(Tar, SizesOfLinksAndDevicesAreNotData) {
  const auto entries = readAll(block('1', "link", 512) + block('0', "file", 0) + kEnd);
  ASSERT_EQ(entries.size(), 2u);
  EXPECT_EQ(entries[0].size, 0u);
}

TEST(Tar, EndWithoutEndBlocksIsAccepted) {
  EXPECT_EQ(readAll(block('0', "file", 0)).size(), 1u);
  EXPECT_EQ(readAll(block('0', "file", 0) + std::string(512, '\0')).size(), 1u);
  EXPECT_EQ(readAll("").size(), 0u);
}

TEST(HostileTar, IsRefused) {
  std::string damaged = block('0', "file", 0);
  damaged[0] ^= 1;
  EXPECT_EQ(errorOf(damaged + kEnd), "archive/tar: invalid tar header");
  EXPECT_EQ(errorOf(std::string(512, '\0') + block('0', "file", 0)),
            "archive/tar: invalid tar header");
  EXPECT_EQ(errorOf(std::string(600, 'x')), "archive/tar: invalid tar header: checksum");
  EXPECT_EQ(errorOf(block('0', "file", 100)), "archive/tar: unexpected EOF");
  EXPECT_THAT(errorOf(block('S', "sparse", 0) + kEnd), HasSubstr("sparse files are not supported"));
  EXPECT_THAT(errorOf(block('V', "label", 0) + kEnd), HasSubstr("unhandled tar header type 86"));
  EXPECT_THAT(errorOf(block('0', "", 0) + kEnd), HasSubstr("without a name"));
  const auto pax = [&](const std::string& records) {
    return errorOf(block('x', "x", records.size()) + padded(records) + block('0', "f", 0) + kEnd);
  };
  EXPECT_THAT(pax("12 path=x\n"), HasSubstr("invalid pax header"));
  EXPECT_THAT(pax("99999999999 path=x\n"), HasSubstr("invalid pax header"));
  EXPECT_THAT(pax("5 =x\n"), HasSubstr("invalid pax header"));
  EXPECT_THAT(pax("0 a=b\n"), HasSubstr("invalid pax header"));
  EXPECT_THAT(pax(paxRecord("path", std::string("a\0b", 3))), HasSubstr("NUL"));
  EXPECT_THAT(pax(paxRecord("size", "-1")), HasSubstr("negative size"));
  EXPECT_THAT(pax(paxRecord("size", "9223372036854775807")), HasSubstr("too large"));
  EXPECT_THAT(pax(paxRecord("size", "99999999999999999999")), HasSubstr("not a number"));
  EXPECT_THAT(pax(paxRecord("uid", "4294967295")), HasSubstr("out of range"));
  EXPECT_THAT(pax(paxRecord("gid", "-1")), HasSubstr("out of range"));
  EXPECT_THAT(pax(paxRecord("mtime", "soon")), HasSubstr("not a time"));
  EXPECT_THAT(pax(paxRecord("GNU.sparse.major", "1")), HasSubstr("sparse"));
}

TEST(HostileTar, SizesAreBoundedBeforeAnythingIsAllocated) {
  EXPECT_THAT(errorOf(block('x', "x", 8'000'000'000) + kEnd), HasSubstr("too long"));
  EXPECT_THAT(errorOf(block('L', "x", 1'000'000'000) + kEnd), HasSubstr("too long"));
  EXPECT_THAT(errorOf(block('g', "x", 1'000'000'000) + kEnd), HasSubstr("too long"));
  const std::string name(5000, 'n');
  EXPECT_THAT(errorOf(block('L', "x", name.size()) + padded(name) + block('0', "f", 0) + kEnd),
              HasSubstr("name of 5000 bytes is too long"));
}

TEST(HostileTar, HeadersThatLeadNowhereAreCounted) {
  std::string tar;
  for (int i = 0; i < 50; ++i) tar += block('x', "x", 0);
  EXPECT_THAT(errorOf(tar, {.entries = 10}), HasSubstr("more than 40 headers"));
  std::string names;
  for (int i = 0; i < 50; ++i) names += block('0', std::string(90, 'n'), 0);
  EXPECT_THAT(errorOf(names, {.totalNameBytes = 1000}), HasSubstr("more than 1000 bytes"));
}

}  // namespace
}  // namespace archive
