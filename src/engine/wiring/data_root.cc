#include "engine/wiring/data_root.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>

#include "platform/base/error.h"
#include "platform/base/ids.h"
#include "platform/base/strings.h"
#include "platform/sys/file.h"

namespace wiring {
namespace {

using base::Code;

// What is durable only together with its rows. Volumes' own directories begin with a dot.
constexpr const char* kKept[] = {"containers", "overlay2/layers", "overlay2/writable",
                                 "vfs/layers", "vfs/writable",    "content/blobs/sha256",
                                 "volumes"};

// Not so when the very first start was killed before it made its tables.
bool holdsAnything(int root) {
  return std::any_of(std::begin(kKept), std::end(kKept), [root](const char* name) {
    const auto directory = sys::openAtIfExists(root, name, O_RDONLY | O_DIRECTORY);
    if (!directory) return false;
    const auto names = sys::listDir(directory->get());
    return std::any_of(names.begin(), names.end(),
                       [](const std::string& each) { return !each.starts_with('.'); });
  });
}

[[noreturn]] void refuse(const std::string& dataRoot, const char* what) {
  base::fail(Code::kDataLoss,
             "{0}/state.db {1}, but {0} holds layers, containers or volumes of an engine "
             "({0}/engine-id), which only that database tells of. Nothing was changed. Restore "
             "state.db; or, to give up those containers and images, remove {0}/engine-id",
             dataRoot, what);
}

}  // namespace

Identity engineIdentity(const std::string& dataRoot) {
  const sys::Fd directory = sys::openAt(AT_FDCWD, dataRoot, O_RDONLY | O_DIRECTORY);
  if (const auto known = sys::readFileIfExists(directory.get(), "engine-id", 128)) {
    // It becomes part of the names of cgroups, links and tables.
    const std::string id(base::trim(*known));
    if (id.size() != 32 || id.find_first_not_of("0123456789abcdef") != std::string::npos) {
      base::fail(
          Code::kDataLoss,
          "{}/engine-id is damaged: 32 hexadecimal digits expected. Restore it, or remove it "
          "when none of its containers runs",
          dataRoot);
    }
    // Before SQLite sees it, which would delete the log of an empty database.
    const auto database = sys::statAtIfExists(directory.get(), "state.db", 0);
    if ((!database || database->st_size == 0) && holdsAnything(directory.get()))
      refuse(dataRoot, database ? "is empty" : "is missing");
    return {id, true};
  }
  const std::string id = base::randomHex(16);
  sys::writeDurable(directory.get(), "engine-id", id + "\n", 0600);
  return {id, false};
}

store::Store& knownStore(store::Store& store, const std::string& dataRoot, const Identity& engine) {
  std::int64_t libraries = 0;
  store.read([&](store::Reader& reader) {
    libraries = reader.integer("SELECT count(*) FROM schema_version").value_or(0);
  });
  const sys::Fd directory = sys::openAt(AT_FDCWD, dataRoot, O_RDONLY | O_DIRECTORY);
  if (libraries == 0 && engine.known && holdsAnything(directory.get()))
    refuse(dataRoot, "holds no tables");
  return store;
}

}  // namespace wiring
