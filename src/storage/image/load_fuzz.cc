// Archives that `docker load` is given, of Docker's kind and OCI layouts: an image that is whole,
// or an Error, and nothing left of it.
//
// The input is not the tar itself, whose checksums and digests no mutation would survive, but what
// is in it: sections "\n=== NAME\n…". In their texts "@x" stands for the digest of the section x
// before them, "\"%x\"" for its size. A section b/x is the blob that its digest names, and called
// x.
#include <fcntl.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <map>

#include "platform/archive/tar.h"
#include "platform/base/error.h"
#include "platform/base/log.h"
#include "platform/sys/file.h"
#include "storage/image/images.h"

namespace {

constexpr size_t kMaxSections = 32;

void replaceAll(std::string& text, const std::string& what, const std::string& with) {
  for (size_t at = 0; text.size() < (1 << 20) && (at = text.find(what, at)) != std::string::npos;
       at += with.size())
    text.replace(at, what.size(), with);
}

std::string tarOf(std::string_view input) {
  constexpr std::string_view kMark = "\n=== ";
  archive::StringSink out;
  archive::TarWriter writer(out);
  std::map<std::string, std::pair<std::string, std::string>> known;  // name -> digest, size
  for (size_t from = input.find(kMark); from != std::string_view::npos;) {
    const size_t next = input.find(kMark, from + kMark.size());
    const std::string_view section = input.substr(
        from + kMark.size(),
        next == std::string_view::npos ? std::string_view::npos : next - from - kMark.size());
    from = next;
    const size_t line = section.find('\n');
    if (line == std::string_view::npos || known.size() >= kMaxSections) continue;
    std::string name(section.substr(0, line)), body(section.substr(line + 1));
    for (const auto& [other, values] : known) {
      replaceAll(body, "\"%" + other + "\"", values.second);
      replaceAll(body, "@" + other, values.first);
    }
    const base::Digest digest = crypto::digestOf(body);
    const bool blob = name.starts_with("b/");
    known[blob ? name.substr(2) : name] = {digest.str(), std::to_string(body.size())};
    archive::TarEntry entry;
    entry.name = blob ? "blobs/sha256/" + std::string(digest.hex()) : name;
    entry.size = body.size();
    entry.mode = 0644;
    try {
      writer.add(entry);
      writer.data(body);
    } catch (const base::Error&) {  // no name for a file
    }
  }
  writer.finish();
  return std::move(out.text);
}

struct Engine {
  explicit Engine(const std::string& root)
      : store(root),
        events(store),
        content(root, store),
        snapshots(snapshot::makeSnapshotter({root, snapshot::Kind::kCopy}, store)),
        images({}, store, events, content, *snapshots) {}

  store::Store store;
  events::Bus events;
  content::Store content;
  std::unique_ptr<snapshot::Snapshotter> snapshots;
  image::Images images;
};

std::string temporaryDirectory() {
  const bool memory = ::access("/dev/shm", W_OK) == 0;
  std::string path = std::string(memory ? "/dev/shm" : "/tmp") + "/sampan-fuzz-XXXXXX";
  if (::mkdtemp(path.data()) == nullptr) std::abort();
  return path;
}

// Never as the host's root: a hole in the extractor would be one in the host. In a namespace of its
// own where that may be, else as nobody, who can unpack little.
void giveUpPrivileges() {
  if (::geteuid() == 0 && (::setgid(65534) != 0 || ::setuid(65534) != 0)) std::abort();
  ::prctl(PR_SET_DUMPABLE, 1);  // LeakSanitizer traces its own process
  const std::string uid = std::to_string(::getuid()), gid = std::to_string(::getgid());
  if (::unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) return;
  sys::writeExisting(AT_FDCWD, "/proc/self/setgroups", "deny");
  sys::writeExisting(AT_FDCWD, "/proc/self/uid_map", "0 " + uid + " 1");
  sys::writeExisting(AT_FDCWD, "/proc/self/gid_map", "0 " + gid + " 1");
}

std::string& rootPath() {
  static std::string path;
  return path;
}

Engine& engine() {
  static Engine* const made = [] {
    rootPath() = temporaryDirectory();
    std::atexit([] { sys::removeTree(AT_FDCWD, rootPath()); });
    return new Engine(rootPath());  // until the process ends
  }();
  return *made;
}

}  // namespace

extern "C" int LLVMFuzzerInitialize(int*, char***) {
  giveUpPrivileges();
  base::log::setLevel(base::log::Level::kError);
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, size_t size) {
  const std::string tar = tarOf({reinterpret_cast<const char*>(data), size});
  image::Images& images = engine().images;
  archive::StringSource source(tar);
  try {
    images.load([&](std::span<char> into) { return source.read(into); }, false, {},
                [](const image::Progress&) {}, {});
  } catch (const base::Error&) {
  }
  for (const image::Image& image : images.list()) images.remove(image.id.str(), true, false);
  images.collectGarbage();
  engine().snapshots->settle();
  if (!engine().snapshots->layers().empty() || engine().content.bytes() != 0) std::abort();
  return 0;
}
