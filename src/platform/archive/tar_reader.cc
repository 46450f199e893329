#include <algorithm>
#include <cstring>

#include "platform/archive/tar.h"
#include "platform/archive/tar_format.h"
#include "platform/base/error.h"
#include "platform/base/strings.h"

namespace archive {

namespace {

template <class... Args>
[[noreturn]] void invalid(fmt::format_string<Args...> format, Args&&... args) {
  base::fail(base::Code::kInvalidArgument, "archive/tar: {}",
             fmt::format(format, std::forward<Args>(args)...));
}

std::string untilNul(std::string_view text) {
  return std::string(text.substr(0, text.find('\0')));
}

std::int64_t number(std::span<const char> header, TarField which, std::string_view what) {
  const auto value = parseTarNumber(field(header, which));
  if (!value) invalid("invalid tar header: {}", what);
  return *value;
}

bool allZero(std::span<const char> block) {
  return std::all_of(block.begin(), block.end(), [](char c) { return c == 0; });
}

void verifyChecksum(std::span<const char> header) {
  const auto stated = number(header, kChecksum, "checksum");
  if (stated != tarChecksum(header, false) && stated != tarChecksum(header, true))
    invalid("invalid tar header");
}

std::uint32_t ownerId(std::int64_t value, std::string_view what) {
  // (uid_t)-1 means "leave it" to chown(2).
  if (value < 0 || value >= UINT32_MAX) invalid("{} {} is out of range", what, value);
  return static_cast<std::uint32_t>(value);
}

std::string headerName(std::span<const char> header) {
  const auto name = untilNul(field(header, kName));
  const auto magic = field(header, kMagic);
  if (!magic.starts_with(std::string_view("ustar\0", 6)))
    return name;  // GNU keeps other things behind devMinor
  TarField prefixField = kPrefix;
  if (field(header, kStarTrailer) == std::string_view("tar\0", 4))
    prefixField.size = 131;  // star: times behind it
  const auto prefix = untilNul(field(header, prefixField));
  return prefix.empty() ? name : prefix + "/" + name;
}

}  // namespace

// What pax and GNU headers said of the entry that follows them.
struct TarReader::Overrides {
  std::optional<std::string> name, linkName, userName, groupName;
  std::optional<std::int64_t> size, uid, gid;
  std::optional<TarTime> modified, accessed;
  std::vector<std::pair<std::string, std::string>> xattrs;

  void pax(std::string_view key, std::string_view value);
};

void TarReader::Overrides::pax(std::string_view key, std::string_view value) {
  const auto text = [&](std::optional<std::string>& into) {
    if (value.find('\0') != std::string_view::npos) invalid("NUL in pax {}", key);
    if (value.empty()) {
      into.reset();
    } else {
      into = std::string(value);
    }
  };
  const auto integer = [&](std::optional<std::int64_t>& into) {
    if (value.empty()) return into.reset();
    into = base::parseInt(value);
    if (!into) invalid("pax {} is not a number", key);
  };
  const auto time = [&](std::optional<TarTime>& into) {
    if (value.empty()) return into.reset();
    into = parsePaxTime(value);
    if (!into) invalid("pax {} is not a time", key);
  };
  constexpr std::string_view kXattr = "SCHILY.xattr.";
  if (key == "path") return text(name);
  if (key == "linkpath") return text(linkName);
  if (key == "uname") return text(userName);
  if (key == "gname") return text(groupName);
  if (key == "size") return integer(size);
  if (key == "uid") return integer(uid);
  if (key == "gid") return integer(gid);
  if (key == "mtime") return time(modified);
  if (key == "atime") return time(accessed);
  if (key.starts_with("GNU.sparse.")) invalid("sparse files are not supported");
  if (key.starts_with(kXattr)) {
    const auto attribute = key.substr(kXattr.size());
    if (attribute.empty() || attribute.find('\0') != std::string_view::npos)
      invalid("invalid attribute name");
    xattrs.emplace_back(attribute, value);
  }
}

TarReader::TarReader(Source& from, TarLimits limits, TarListener* listener)
    : from_(from), limits_(limits), listener_(listener) {}

void TarReader::fetch(bool required) {
  if (!window_.empty() || sourceEnded_) {
    if (required && window_.empty()) invalid("unexpected EOF");
    return;
  }
  window_ = from_.block();
  sourceEnded_ = window_.empty();
  if (required && sourceEnded_) invalid("unexpected EOF");
}

bool TarReader::readBlock(std::span<char> block) {
  size_t have = 0;
  while (have < block.size()) {
    fetch(have > 0);
    if (window_.empty()) return false;
    const size_t part = std::min(block.size() - have, window_.size());
    std::memcpy(block.data() + have, window_.data(), part);
    window_ = window_.subspan(part);
    have += part;
  }
  offset_ += block.size();
  if (listener_ != nullptr) listener_->raw(block);
  return true;
}

std::string TarReader::readSpecial(std::uint64_t size, std::string_view what) {
  if (size > limits_.headerBytes) invalid("{} of {} bytes is too long", what, size);
  std::string text(size + paddingOf(size), '\0');
  if (!text.empty() && !readBlock({text.data(), text.size()})) invalid("unexpected EOF");
  text.resize(size);
  return text;
}

std::span<const char> TarReader::takeData() {
  if (dataLeft_ == 0) return {};
  fetch(true);
  const auto part = window_.first(std::min<std::uint64_t>(dataLeft_, window_.size()));
  window_ = window_.subspan(part.size());
  dataLeft_ -= part.size();
  offset_ += part.size();
  return part;
}

std::span<const char> TarReader::data() {
  const auto part = takeData();
  if (listener_ != nullptr && !part.empty()) listener_->data(part);
  return part;
}

void TarReader::skipRest() {
  dataLeft_ += padding_;
  padding_ = 0;
  while (dataLeft_ > 0) {
    const auto part = takeData();
    if (listener_ != nullptr) listener_->raw(part);
  }
}

void TarReader::finish() {
  ended_ = true;
  for (fetch(false); !window_.empty(); fetch(false)) {
    offset_ += window_.size();
    if (listener_ != nullptr) listener_->raw(window_);
    window_ = {};
  }
}

void TarReader::checkNames(const TarEntry& entry) {
  if (entry.name.empty()) invalid("entry without a name");
  if (entry.name.size() > limits_.nameBytes || entry.linkName.size() > limits_.nameBytes) {
    invalid("name of {} bytes is too long: {:.100}...",
            std::max(entry.name.size(), entry.linkName.size()), entry.name);
  }
  nameBytes_ += entry.name.size() + entry.linkName.size();
  if (nameBytes_ > limits_.totalNameBytes)
    invalid("names take more than {} bytes", limits_.totalNameBytes);
}

// False: the header belongs to the entry behind it, or says nothing.
bool TarReader::parse(std::span<const char> header, Overrides& overrides, TarEntry& entry) {
  const char type = header[kType.at];
  const auto stated = number(header, kSize, "size");
  if (stated < 0) invalid("invalid tar header: size");
  const auto size = static_cast<std::uint64_t>(stated);
  switch (type) {
    case 'x': {
      const auto records = readSpecial(size, "pax header");
      if (!parsePax(records, [&](auto key, auto value) { overrides.pax(key, value); }))
        invalid("invalid pax header");
      return false;
    }
    case 'g':
      readSpecial(size, "global pax header");
      return false;
    case 'L':
      overrides.name = untilNul(readSpecial(size, "long name"));
      return false;
    case 'K':
      overrides.linkName = untilNul(readSpecial(size, "long link name"));
      return false;
    default:
      break;
  }
  entry = {};
  entry.name = overrides.name ? std::move(*overrides.name) : headerName(header);
  entry.linkName =
      overrides.linkName ? std::move(*overrides.linkName) : untilNul(field(header, kLinkName));
  checkNames(entry);
  switch (type) {
    case '\0':
      entry.type = entry.name.ends_with('/') ? EntryType::kDirectory : EntryType::kFile;
      break;
    case '7':
      entry.type = EntryType::kFile;
      break;  // "contiguous": a hint that nobody follows
    case '0':
    case '1':
    case '2':
    case '3':
    case '4':
    case '5':
    case '6':
      entry.type = static_cast<EntryType>(type);
      break;
    case 'S':
      invalid("sparse files are not supported: {}", entry.name);
    default:
      invalid("unhandled tar header type {}: {}",
              static_cast<int>(static_cast<unsigned char>(type)), entry.name);
  }
  entry.mode = static_cast<std::uint32_t>(number(header, kMode, "mode") & 07777);
  entry.uid = ownerId(overrides.uid ? *overrides.uid : number(header, kUid, "uid"), "uid");
  entry.gid = ownerId(overrides.gid ? *overrides.gid : number(header, kGid, "gid"), "gid");
  entry.userName =
      overrides.userName ? std::move(*overrides.userName) : untilNul(field(header, kUserName));
  entry.groupName =
      overrides.groupName ? std::move(*overrides.groupName) : untilNul(field(header, kGroupName));
  entry.modified =
      overrides.modified ? *overrides.modified : TarTime{number(header, kTime, "time"), 0};
  entry.accessed = overrides.accessed;
  entry.xattrs = std::move(overrides.xattrs);
  if (entry.type == EntryType::kCharDevice || entry.type == EntryType::kBlockDevice) {
    entry.major = ownerId(number(header, kDevMajor, "device"), "device number");
    entry.minor = ownerId(number(header, kDevMinor, "device"), "device number");
  }
  if (entry.type == EntryType::kFile) {
    if (overrides.size && *overrides.size < 0) invalid("negative size: {}", entry.name);
    entry.size = overrides.size ? static_cast<std::uint64_t>(*overrides.size) : size;
    if (entry.size > limits_.fileBytes)
      invalid("file of {} bytes is too large: {}", entry.size, entry.name);
  }
  return true;
}

bool TarReader::next(TarEntry& entry) {
  if (ended_) return false;
  skipRest();
  Overrides overrides;
  char block[kTarBlock];
  for (;;) {
    if (!readBlock(block)) {
      finish();
      return false;
    }
    if (allZero(block)) {
      if (readBlock(block) && !allZero(block)) invalid("invalid tar header");
      finish();
      return false;
    }
    verifyChecksum(block);
    // Headers that lead nowhere cost as much as entries do.
    if (++headers_ > 4 * limits_.entries) invalid("more than {} headers", 4 * limits_.entries);
    if (!parse(block, overrides, entry)) continue;
    if (++entries_ > limits_.entries) invalid("more than {} entries", limits_.entries);
    dataLeft_ = entry.size;
    padding_ = paddingOf(entry.size);
    return true;
  }
}

}  // namespace archive
