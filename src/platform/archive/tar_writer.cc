#include <algorithm>
#include <cstring>
#include <map>

#include "platform/archive/tar.h"
#include "platform/archive/tar_format.h"
#include "platform/base/error.h"

namespace archive {

namespace {

constexpr std::uint64_t kMaxOctal7 = 07777777;
constexpr std::uint64_t kMaxOctal11 = 077777777777;
constexpr char kZeros[kTarBlock] = {};

using Records = std::map<std::string, std::string>;

struct Header {
  char bytes[kTarBlock] = {};

  void text(TarField which, std::string_view value) {
    std::memcpy(bytes + which.at, value.data(), std::min(which.size, value.size()));
  }
  void octal(TarField which, std::uint64_t value) {
    text(which, fmt::format("{:0{}o}", value, which.size - 1));
  }
  void seal() {
    octal({kChecksum.at, 7}, static_cast<std::uint64_t>(tarChecksum(bytes, false)));
    bytes[kChecksum.at + 7] = ' ';
  }
};

bool isAscii(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c > 0; });
}

// Where `name` can be cut into ustar's prefix and name; npos when it cannot.
size_t prefixCut(std::string_view name) {
  if (name.size() > kPrefix.size + 1 + kName.size) return std::string_view::npos;
  // A trailing slash belongs to the last component.
  const auto slash = name.rfind('/', std::min(kPrefix.size, name.size() - 2));
  if (slash == std::string_view::npos || slash == 0 || name.size() - slash - 1 > kName.size)
    return std::string_view::npos;
  return slash;
}

void setName(Header& header, std::string_view name, Records& pax) {
  if (isAscii(name) && name.size() <= kName.size) return header.text(kName, name);
  if (isAscii(name)) {
    if (const auto cut = prefixCut(name); cut != std::string_view::npos) {
      header.text(kPrefix, name.substr(0, cut));
      return header.text(kName, name.substr(cut + 1));
    }
  }
  pax["path"] = name;
  header.text(kName, name.substr(0, kName.size));
}

void setText(Header& header, TarField which, std::string_view value, const char* key, Records& pax,
             bool needsNul) {
  if (!isAscii(value) || value.size() > which.size - (needsNul ? 1 : 0)) pax[key] = value;
  header.text(which, value.substr(0, which.size - (needsNul ? 1 : 0)));
}

void setNumber(Header& header, TarField which, std::uint64_t value, const char* key, Records& pax) {
  const bool fits = value <= (which.size == 8 ? kMaxOctal7 : kMaxOctal11);
  if (!fits) pax[key] = std::to_string(value);
  header.octal(which, fits ? value : 0);
}

std::string timeText(TarTime time) {
  // Back from "fraction counts forward" to a sign in front of both parts.
  const bool negative = time.seconds < 0 && time.nanos > 0;
  const std::int64_t seconds = negative ? time.seconds + 1 : time.seconds;
  const std::int32_t nanos = negative ? 1'000'000'000 - time.nanos : time.nanos;
  std::string text = fmt::format("{}{}", negative && seconds == 0 ? "-" : "", seconds);
  if (nanos > 0) {
    std::string fraction = fmt::format(".{:09}", nanos);
    fraction.erase(fraction.find_last_not_of('0') + 1);
    text += fraction;
  }
  return text;
}

void setTime(Header& header, TarTime time, Records& pax) {
  const bool fits = time.seconds >= 0 && static_cast<std::uint64_t>(time.seconds) <= kMaxOctal11;
  if (!fits || time.nanos != 0) pax["mtime"] = timeText(time);
  header.octal(kTime, fits ? static_cast<std::uint64_t>(time.seconds) : 0);
}

void magic(Header& header) {
  header.text(kMagic, std::string_view("ustar\00000", 8));
}

std::string paxName(std::string_view name) {
  while (name.size() > 1 && name.ends_with('/')) name.remove_suffix(1);
  const auto base = name.substr(name.rfind('/') + 1);
  std::string text = "PaxHeaders.0/";
  for (const char c : base.substr(0, 80)) text += c > ' ' ? c : '_';
  return text;
}

void writePadding(Sink& to, std::uint64_t size) {
  if (const auto padding = paddingOf(size); padding > 0) to.write({kZeros, padding});
}

void writePax(Sink& to, const TarEntry& entry, const Records& pax) {
  std::string body;
  for (const auto& [key, value] : pax) body += paxRecord(key, value);
  Header header;
  header.text(kName, paxName(entry.name));
  header.octal(kMode, 0);
  header.octal(kUid, 0);
  header.octal(kGid, 0);
  header.octal(kSize, body.size());
  header.octal(kTime, 0);
  header.bytes[kType.at] = 'x';
  magic(header);
  header.seal();
  to.write(header.bytes);
  to.write(body);
  writePadding(to, body.size());
}

}  // namespace

void TarWriter::add(const TarEntry& entry) {
  if (dataLeft_ > 0)
    base::fail(base::Code::kInvalidArgument, "archive/tar: missed writing {} bytes", dataLeft_);
  if (padding_ > 0) to_.write({kZeros, padding_});
  padding_ = 0;
  Header header;
  Records pax;
  setName(header, entry.name, pax);
  setText(header, kLinkName, entry.linkName, "linkpath", pax, false);
  setText(header, kUserName, entry.userName, "uname", pax, true);
  setText(header, kGroupName, entry.groupName, "gname", pax, true);
  header.octal(kMode, entry.mode & 07777);
  setNumber(header, kUid, entry.uid, "uid", pax);
  setNumber(header, kGid, entry.gid, "gid", pax);
  const auto size = entry.type == EntryType::kFile ? entry.size : 0;
  setNumber(header, kSize, size, "size", pax);
  setTime(header, entry.modified, pax);
  if (entry.accessed) pax["atime"] = timeText(*entry.accessed);
  const bool device = entry.type == EntryType::kCharDevice || entry.type == EntryType::kBlockDevice;
  if (device && (entry.major > kMaxOctal7 || entry.minor > kMaxOctal7)) {
    base::fail(base::Code::kInvalidArgument, "archive/tar: device number of {} does not fit",
               entry.name);
  }
  header.octal(kDevMajor, device ? entry.major : 0);
  header.octal(kDevMinor, device ? entry.minor : 0);
  for (const auto& [key, value] : entry.xattrs) pax["SCHILY.xattr." + key] = value;
  header.bytes[kType.at] = static_cast<char>(entry.type);
  magic(header);
  header.seal();
  if (!pax.empty()) writePax(to_, entry, pax);
  to_.write(header.bytes);
  dataLeft_ = size;
  padding_ = paddingOf(size);
}

void TarWriter::data(std::span<const char> bytes) {
  if (bytes.size() > dataLeft_)
    base::fail(base::Code::kInvalidArgument, "archive/tar: write too long");
  dataLeft_ -= bytes.size();
  to_.write(bytes);
}

void TarWriter::finish() {
  if (dataLeft_ > 0)
    base::fail(base::Code::kInvalidArgument, "archive/tar: missed writing {} bytes", dataLeft_);
  if (padding_ > 0) to_.write({kZeros, padding_});
  padding_ = 0;
  to_.write(kZeros);
  to_.write(kZeros);
}

}  // namespace archive
