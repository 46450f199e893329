#include "storage/snapshot/library.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "platform/base/error.h"
#include "platform/base/fault.h"
#include "platform/base/ids.h"
#include "platform/base/log.h"
#include "platform/base/scope_exit.h"
#include "platform/base/strings.h"
#include "platform/sys/check.h"
#include "platform/sys/file.h"

namespace snapshot {

namespace {

constexpr std::string_view kDigits = "0123456789abcdefghijklmnopqrstuvwxyz";
constexpr size_t kMaxLayers = 500;  // overlayfs refuses more

const store::Schema& schema() {
  static const store::Schema kSchema{
      "snapshot",
      {"CREATE TABLE snapshot_layer (driver TEXT NOT NULL, number INTEGER NOT NULL, id TEXT NOT "
       "NULL,"
       " bytes INTEGER NOT NULL, created INTEGER NOT NULL, PRIMARY KEY (driver, number), UNIQUE "
       "(driver, id));"
       "CREATE TABLE snapshot_writable (driver TEXT NOT NULL, id TEXT NOT NULL, stack TEXT NOT "
       "NULL,"
       " created INTEGER NOT NULL, PRIMARY KEY (driver, id)) WITHOUT ROWID;"}};
  return kSchema;
}

std::string stackText(const std::vector<Number>& stack) {
  std::string text;
  for (const Number number : stack) text += (text.empty() ? "" : " ") + std::to_string(number);
  return text;
}

std::vector<Number> parseStack(const std::string& text) {
  std::vector<Number> stack;
  if (text.empty()) return stack;
  for (const auto& word : base::split(text, ' ')) {
    const auto number = base::parseInt(word);
    if (!number) base::fail(base::Code::kDataLoss, "snapshot_writable: damaged row: {:.100}", text);
    stack.push_back(*number);
  }
  return stack;
}

void checkWritableId(const std::string& id) {
  const bool good = !id.empty() && id.size() <= 128 && id[0] != '.' &&
                    std::all_of(id.begin(), id.end(), [](unsigned char c) {
                      return std::isalnum(c) || c == '_' || c == '.' || c == '-';
                    });
  if (!good) base::fail(base::Code::kInvalidArgument, "invalid snapshot id {}", base::quote(id));
}

sys::Fd openDirectory(int parent, const std::string& name) {
  return sys::openAt(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
}

// ext4 keeps what is made below one directory together, and so looks for every new file's inode
// among those of all layers, which costs more than inflating them. As the top of hierarchies
// (chattr +T) each layer gets a part of the disk to itself. Other file systems have no such flag.
void spreadSubdirectories(int directory) {
  int flags = 0;
  if (::ioctl(directory, FS_IOC_GETFLAGS, &flags) < 0 || (flags & FS_TOPDIR_FL) != 0) return;
  flags |= FS_TOPDIR_FL;
  ::ioctl(directory, FS_IOC_SETFLAGS, &flags);
}

}  // namespace

std::string directoryName(Number number) {
  std::string name;
  for (auto rest = static_cast<std::uint64_t>(number); rest > 0; rest /= 36)
    name.insert(name.begin(), kDigits[rest % 36]);
  return name;
}

std::optional<Number> directoryNumber(std::string_view name) {
  if (name.empty() || name.size() > 6) return std::nullopt;
  Number number = 0;
  for (const char c : name) {
    const auto digit = kDigits.find(c);
    if (digit == std::string_view::npos) return std::nullopt;
    number = number * 36 + static_cast<Number>(digit);
  }
  return number;
}

LayerStaging::~LayerStaging() {
  root_.reset();  // the mount, before its directories
  library_.drop(*this);
}

Library::Library(const std::string& dataRoot, std::string name, store::Store& store)
    : path_(dataRoot + "/" + name),
      name_(std::move(name)),
      store_(store),
      deleter_((makeDirectories(), removed_.get())) {
  store_.ensure(schema());
  load();
  sweep();
}

Library::~Library() = default;

void Library::makeDirectories() {
  // 0710: no user of the host reaches suid programs or device nodes of an image (CVE-2021-41091).
  root_ = sys::makeDirs(AT_FDCWD, path_, 0710);
  root_ = openDirectory(root_.get(), ".");
  for (const auto& [name, fd] : {std::pair{"layers", &layers_},
                                 {"writable", &writable_},
                                 {"staging", &staging_},
                                 {"removed", &removed_}}) {
    sys::makeDirs(root_.get(), name, 0710);
    *fd = openDirectory(root_.get(), name);
  }
  spreadSubdirectories(layers_.get());
}

void Library::load() {
  base::Lock lock(mutex_);
  store_.read([&](store::Reader& reader) {
    reader.query("SELECT id, number, bytes, created FROM snapshot_layer WHERE driver = ?", {name_},
                 [&](const store::Row& row) NO_THREAD_SAFETY_ANALYSIS {
                   const Number number = row.integer(1);
                   layerById_[LayerId::parse(row.text(0))] = {
                       number, static_cast<std::uint64_t>(row.integer(2)), {row.integer(3)}};
                   next_ = std::max(next_, number + 1);
                 });
    reader.query("SELECT id, stack FROM snapshot_writable WHERE driver = ?", {name_},
                 [&](const store::Row& row) NO_THREAD_SAFETY_ANALYSIS {
                   auto& stack = writables_[row.text(0)] = parseStack(row.text(1));
                   for (const Number number : stack) ++references_[number];
                 });
  });
}

// A directory without a row is garbage; a row without a directory (a power cut took what the row's
// end had not yet been written for) is forgotten.
void Library::sweep() {
  std::set<std::string> present;
  std::vector<std::string> lost;
  {
    base::Lock lock(mutex_);
    std::set<std::string> known;
    for (const auto& [id, layer] : layerById_) known.insert(directoryName(layer.number));
    for (const auto& name : sys::listDir(layers_.get())) {
      if (!known.contains(name)) moveAside(layers_.get(), name);
      if (const auto number = directoryNumber(name)) next_ = std::max(next_, *number + 1);
      present.insert(name);
    }
    std::erase_if(layerById_, [&](const auto& item) {
      if (present.contains(directoryName(item.second.number))) return false;
      base::log::error("the directory of a layer is missing", {{"layer", item.first.str()}});
      return true;
    });
    present.clear();
    for (const auto& name : sys::listDir(writable_.get())) {
      if (!writables_.contains(name)) moveAside(writable_.get(), name);
      present.insert(name);
    }
    for (const auto& [id, stack] : writables_) {
      if (!present.contains(id)) lost.push_back(id);
    }
  }
  for (const auto& id : lost) removeWritable(id);
  for (const auto& name : sys::listDir(staging_.get())) moveAside(staging_.get(), name);
  for (const auto& name : sys::listDir(removed_.get())) deleter_.enqueue(name);
}

void Library::moveAside(int directory, const std::string& name) {
  const std::string aside = base::randomHex(8);
  if (::renameat(directory, name.c_str(), removed_.get(), aside.c_str()) == 0) {
    deleter_.enqueue(aside);
  } else if (errno != ENOENT) {
    base::failErrno(errno, "rename", path_ + "/…/" + name);
  }
}

// -- layers

bool Library::hasLayer(const LayerId& id) const {
  base::Lock lock(mutex_);
  return layerById_.contains(id);
}

std::optional<LayerInfo> Library::layer(const LayerId& id) const {
  base::Lock lock(mutex_);
  const auto found = layerById_.find(id);
  if (found == layerById_.end()) return std::nullopt;
  return LayerInfo{id, found->second.bytes, found->second.created};
}

std::vector<LayerInfo> Library::layers() const {
  base::Lock lock(mutex_);
  std::vector<LayerInfo> all;
  for (const auto& [id, layer] : layerById_) all.push_back({id, layer.bytes, layer.created});
  return all;
}

std::vector<Number> Library::resolve(const Stack& stack) const {
  if (stack.size() > kMaxLayers) {
    base::fail(base::Code::kInvalidArgument, "{} layers are more than the {} that can be mounted",
               stack.size(), kMaxLayers);
  }
  std::vector<Number> numbers;
  for (const auto& id : stack) {
    const auto found = layerById_.find(id);
    if (found == layerById_.end())
      base::fail(base::Code::kNotFound, "layer does not exist: {}", id.str());
    numbers.push_back(found->second.number);
  }
  return numbers;
}

std::unique_ptr<LayerStaging> Library::reserve(const LayerId& id) {
  base::Lock lock(mutex_);
  if (layerById_.contains(id)) base::fail(base::Code::kConflict, "layer {} exists", id.str());
  if (!staged_.insert(id).second)
    base::fail(base::Code::kConflict, "layer {} is being prepared", id.str());
  return std::make_unique<LayerStaging>(*this, id, next_++);
}

std::unique_ptr<Staging> Library::prepare(const LayerId& id, const Stack& below,
                                          Placement placement) {
  std::vector<Number> numbers;
  if (placement == Placement::kOnParents || !layersAreIndependent()) {
    base::Lock lock(mutex_);
    numbers = resolve(below);
  }
  auto staging = reserve(id);
  begin(*staging, numbers, placement);
  return staging;
}

std::unique_ptr<Staging> Library::prepareOn(const LayerId& id, const Stack& below,
                                            const std::vector<const Staging*>& staged) {
  std::vector<Number> numbers;
  {
    base::Lock lock(mutex_);
    numbers = resolve(below);
  }
  for (const Staging* parent : staged)
    numbers.push_back(static_cast<const LayerStaging*>(parent)->number_);
  auto staging = reserve(id);
  begin(*staging, numbers, Placement::kOnParents);
  return staging;
}

void Library::drop(LayerStaging& staging) noexcept {
  const std::string name = directoryName(staging.number_);
  try {
    if (staging.workDirectory_) moveAside(staging_.get(), name);
    if (!staging.committed_) moveAside(layers_.get(), name);
  } catch (const base::Error& error) {  // a destructor has nobody to tell; the next start sweeps
    base::log::warn("cannot drop a staged layer",
                    {{"layer", staging.id_.str()}, {"error", error.message()}});
  }
  base::Lock lock(mutex_);
  staged_.erase(staging.id_);
}

void Library::insertRows(store::Transaction& transaction, const std::vector<Committed>& layers,
                         base::Time now) {
  for (const auto& layer : layers) {
    const auto& staging = static_cast<const LayerStaging&>(*layer.staging);
    transaction.run(
        "INSERT INTO snapshot_layer (driver, number, id, bytes, created) VALUES (?, ?, ?, ?, ?)",
        {name_, staging.number_, staging.id_.str(), static_cast<std::int64_t>(layer.bytes),
         now.ns});
  }
}

void Library::commit(std::vector<Committed> layers, std::function<void(store::Transaction&)> also) {
  // Mounts that a layer was unpacked through are closed first: what they hold back must be in the
  // sync.
  for (auto& layer : layers) static_cast<LayerStaging&>(*layer.staging).root_.reset();
  base::faultPoint("snapshot.commit");
  sync();
  const auto now = base::Time::now();
  store_.write(store::Durability::kDurable, [&](store::Transaction& transaction) {
    insertRows(transaction, layers, now);
    if (also) also(transaction);
  });
  base::faultPoint("snapshot.committed");
  base::Lock lock(mutex_);
  for (auto& layer : layers) {
    auto& staging = static_cast<LayerStaging&>(*layer.staging);
    staging.committed_ = true;
    layerById_[staging.id_] = {staging.number_, layer.bytes, now};
  }
}

sys::Fd Library::openNumber(Number number) const {
  return openDirectory(layers_.get(), directoryName(number));
}

sys::Fd Library::openLayer(const LayerId& id) const {
  Number number = 0;
  {
    base::Lock lock(mutex_);
    number = resolve({id}).front();
  }
  return openNumber(number);
}

void Library::removeLayer(const LayerId& id) {
  Layer removed;
  {
    base::Lock lock(mutex_);
    const auto found = layerById_.find(id);
    if (found == layerById_.end())
      base::fail(base::Code::kNotFound, "layer does not exist: {}", id.str());
    const auto used = references_.find(found->second.number);
    if (used != references_.end() && used->second > 0) {
      base::fail(base::Code::kConflict, "layer {} is used by {} containers", id.str(),
                 used->second);
    }
    removed = found->second;
    layerById_.erase(found);  // from here on nothing new can stand on it
    staged_.insert(id);       // nor can it be prepared before it is gone
  }
  base::ScopeExit release{[&] {
    base::Lock lock(mutex_);
    staged_.erase(id);
  }};
  base::ScopeExit restore{[&] {
    base::Lock lock(mutex_);
    layerById_[id] = removed;
  }};
  // Durable before the directory goes: an image must not find its layer missing after a power cut.
  store_.write(store::Durability::kDurable, [&](store::Transaction& transaction) {
    transaction.run("DELETE FROM snapshot_layer WHERE driver = ? AND number = ?",
                    {name_, removed.number});
  });
  restore.dismiss();
  base::faultPoint("snapshot.layer.unrecorded");
  moveAside(layers_.get(), directoryName(removed.number));
}

// -- stacks and writables

sys::Fd Library::openStack(const Stack& stack) const {
  std::vector<Number> numbers;
  {
    base::Lock lock(mutex_);
    numbers = resolve(stack);
  }
  return mountStack(numbers);
}

void Library::prepareWritable(const std::string& id, const Stack& stack) {
  checkWritableId(id);
  std::vector<Number> numbers;
  {
    base::Lock lock(mutex_);
    numbers = resolve(stack);
    if (!writables_.emplace(id, numbers).second)
      base::fail(base::Code::kConflict, "snapshot {} exists", id);
    for (const Number number : numbers) ++references_[number];
  }
  base::ScopeExit undo{[&] { removeWritable(id); }};
  if (::mkdirat(writable_.get(), id.c_str(), 0710) < 0)
    base::failErrno(errno, "mkdir", path_ + "/writable/" + id);
  const sys::Fd directory = openDirectory(writable_.get(), id);
  beginWritable(id, directory.get(), numbers);
  base::faultPoint("snapshot.writable.made");
  store_.write(store::Durability::kLazy, [&](store::Transaction& transaction) {
    transaction.run(
        "INSERT INTO snapshot_writable (driver, id, stack, created) VALUES (?, ?, ?, ?)",
        {name_, id, stackText(numbers), base::Time::now().ns});
  });
  undo.dismiss();
}

std::vector<Number> Library::stackOf(const std::string& writable) const {
  base::Lock lock(mutex_);
  const auto found = writables_.find(writable);
  if (found == writables_.end())
    base::fail(base::Code::kNotFound, "snapshot {} does not exist", writable);
  return found->second;
}

sys::Fd Library::openUpper(const std::string& writable) const {
  stackOf(writable);
  return sys::openAt(writable_.get(), writable + "/upper", O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
}

sys::Fd Library::open(const std::string& id) const {
  return mountWritable(id, stackOf(id));
}

bool Library::hasWritable(const std::string& id) const {
  base::Lock lock(mutex_);
  return writables_.contains(id);
}

std::vector<std::string> Library::writables() const {
  base::Lock lock(mutex_);
  std::vector<std::string> ids;
  for (const auto& [id, stack] : writables_) ids.push_back(id);
  return ids;
}

void Library::removeWritable(const std::string& id) {
  {
    base::Lock lock(mutex_);
    if (!writables_.contains(id)) return;
  }
  // The directory first: a row without one is forgotten at the next start, a directory without a
  // row is garbage too, so no order of crashes loses anything.
  moveAside(writable_.get(), id);
  base::faultPoint("snapshot.writable.aside");
  store_.write(store::Durability::kLazy, [&](store::Transaction& transaction) {
    transaction.run("DELETE FROM snapshot_writable WHERE driver = ? AND id = ?", {name_, id});
  });
  base::Lock lock(mutex_);
  const auto found = writables_.find(id);
  if (found == writables_.end()) return;
  for (const Number number : found->second) {
    if (--references_[number] == 0) references_.erase(number);
  }
  writables_.erase(found);
}

void Library::retainWritables(const std::function<bool(const std::string&)>& owned) {
  for (const auto& id : writables()) {
    if (!owned(id)) removeWritable(id);
  }
}

files::Usage Library::usage(const std::string& id, const base::StopToken& stop) const {
  return files::usage(openUpper(id).get(), stop);
}

void Library::sync() const {
  if (::syncfs(root_.get()) < 0) {
    throw base::Error(base::Code::kDataLoss,
                      fmt::format("syncfs {}: {}", path_, base::errnoText(errno)), errno);
  }
}

}  // namespace snapshot
