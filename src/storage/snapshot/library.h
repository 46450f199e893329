// What every snapshotter shares: directories by name, rows, references, staging, removal. Private
// to this library; an implementation says how a layer is begun and how a stack becomes a mount.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "platform/base/mutex.h"
#include "storage/snapshot/deleter.h"
#include "storage/snapshot/snapshotter.h"

namespace snapshot {

using Number = std::int64_t;  // of a layer; its directory is the number in base 36

std::string directoryName(Number number);
std::optional<Number> directoryNumber(std::string_view name);

class Library;

class LayerStaging : public Staging {
 public:
  LayerStaging(Library& library, LayerId id, Number number)
      : library_(library), id_(std::move(id)), number_(number) {}
  ~LayerStaging() override;

  const LayerId& id() const override { return id_; }
  int root() const override { return root_.valid() ? root_.get() : tree_.get(); }
  files::Whiteouts whiteouts() const override { return whiteouts_; }
  int tree() const override { return tree_.get(); }

 private:
  friend class Library;
  friend class Overlay;
  friend class Copy;
  Library& library_;
  const LayerId id_;
  const Number number_;
  sys::Fd tree_;
  sys::Fd root_;                // only when it differs from tree_
  bool workDirectory_ = false;  // staging/<name> exists
  bool committed_ = false;
  files::Whiteouts whiteouts_ = files::Whiteouts::kOverlay;
};

class Library : public Snapshotter {
 public:
  bool hasLayer(const LayerId& id) const override;
  std::optional<LayerInfo> layer(const LayerId& id) const override;
  std::vector<LayerInfo> layers() const override;
  std::unique_ptr<Staging> prepare(const LayerId& id, const Stack& below,
                                   Placement placement) override;
  std::unique_ptr<Staging> prepareOn(const LayerId& id, const Stack& below,
                                     const std::vector<const Staging*>& staged) override;
  void commit(std::vector<Committed> layers,
              std::function<void(store::Transaction&)> also) override;
  sys::Fd openLayer(const LayerId& id) const override;
  void removeLayer(const LayerId& id) override;
  sys::Fd openStack(const Stack& stack) const override;
  void prepareWritable(const std::string& id, const Stack& stack) override;
  sys::Fd open(const std::string& id) const override;
  bool hasWritable(const std::string& id) const override;
  std::vector<std::string> writables() const override;
  void removeWritable(const std::string& id) override;
  void retainWritables(const std::function<bool(const std::string& id)>& owned) override;
  files::Usage usage(const std::string& id, const base::StopToken& stop) const override;
  void sync() const override;
  void settle() override { deleter_.settle(); }

 protected:
  // `name`: the driver's, also of its directory below the data root.
  Library(const std::string& dataRoot, std::string name, store::Store& store);
  ~Library() override;

  // Fills staging.tree_'s fields for a layer on the directories `below`, lowest first.
  virtual void begin(LayerStaging& staging, const std::vector<Number>& below,
                     Placement placement) = 0;
  // Makes what belongs into writable/<id>, which exists.
  virtual void beginWritable(const std::string& id, int directory,
                             const std::vector<Number>& below) = 0;
  virtual sys::Fd mountStack(const std::vector<Number>& stack) const = 0;
  virtual sys::Fd mountWritable(const std::string& id, const std::vector<Number>& below) const = 0;

  std::vector<Number> stackOf(const std::string& writable) const;  // NotFound
  sys::Fd openUpper(const std::string& writable) const;
  sys::Fd openNumber(Number number) const;

  const std::string path_;  // <dataRoot>/<name>
  sys::Fd root_, layers_, writable_, staging_, removed_;

 private:
  friend class LayerStaging;
  struct Layer {
    Number number;
    std::uint64_t bytes;
    base::Time created;
  };

  void makeDirectories();
  void load();
  void sweep();
  void moveAside(int directory, const std::string& name);
  void drop(LayerStaging& staging) noexcept;
  std::vector<Number> resolve(const Stack& stack) const REQUIRES(mutex_);
  std::unique_ptr<LayerStaging> reserve(const LayerId& id) EXCLUDES(mutex_);
  void insertRows(store::Transaction& transaction, const std::vector<Committed>& layers,
                  base::Time now);

  const std::string name_;
  store::Store& store_;
  Deleter deleter_;

  mutable base::Mutex mutex_;
  std::map<LayerId, Layer> layerById_ GUARDED_BY(mutex_);
  std::unordered_map<Number, std::uint64_t> references_ GUARDED_BY(mutex_);  // writables on a layer
  std::map<std::string, std::vector<Number>> writables_ GUARDED_BY(mutex_);
  std::set<LayerId> staged_ GUARDED_BY(mutex_);
  Number next_ GUARDED_BY(mutex_) = 1;
};

}  // namespace snapshot
