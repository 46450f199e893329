// Helpers of the tests here: temporary directories, archives written entry by entry, trees told as
// text.
#pragma once

#include <fcntl.h>
#include <sys/stat.h>

#include <cstdlib>
#include <map>
#include <string>
#include <vector>

#include "platform/archive/tar.h"
#include "platform/sys/fd.h"
#include "platform/sys/file.h"

namespace files::testing {

class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    char path[] = "/tmp/sampan-files-XXXXXX";
    if (::mkdtemp(path) == nullptr) std::abort();
    ::chmod(path, 0755);
    path_ = path;
    fd_ = sys::openAt(AT_FDCWD, path_, O_RDONLY | O_DIRECTORY);
  }
  ~TemporaryDirectory() { sys::removeTree(AT_FDCWD, path_); }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;

  int fd() const { return fd_.get(); }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
  sys::Fd fd_;
};

class Tar {
 public:
  archive::TarEntry& entry(const std::string& name, archive::EntryType type,
                           std::uint32_t mode = 0644) {
    entries_.push_back({});
    auto& made = entries_.back().first;
    made.name = name;
    made.type = type;
    made.mode = mode;
    made.modified = {1'600'000'000, 0};
    return made;
  }
  archive::TarEntry& file(const std::string& name, const std::string& contents,
                          std::uint32_t mode = 0644) {
    auto& made = entry(name, archive::EntryType::kFile, mode);
    made.size = contents.size();
    entries_.back().second = contents;
    return made;
  }
  archive::TarEntry& dir(const std::string& name, std::uint32_t mode = 0755) {
    return entry(name, archive::EntryType::kDirectory, mode);
  }
  archive::TarEntry& link(const std::string& name, const std::string& target) {
    auto& made = entry(name, archive::EntryType::kHardLink);
    made.linkName = target;
    return made;
  }
  archive::TarEntry& symlink(const std::string& name, const std::string& target) {
    auto& made = entry(name, archive::EntryType::kSymlink, 0777);
    made.linkName = target;
    return made;
  }
  std::string bytes() const {
    archive::StringSink out;
    archive::TarWriter writer(out);
    for (const auto& [entry, contents] : entries_) {
      writer.add(entry);
      writer.data(contents);
    }
    writer.finish();
    return out.text;
  }

 private:
  std::vector<std::pair<archive::TarEntry, std::string>> entries_;
};

}  // namespace files::testing
