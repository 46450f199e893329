// Whole copies instead of mounts: the driver "vfs", for hosts without overlayfs. Private to this
// library.
#pragma once

#include "storage/snapshot/library.h"

namespace snapshot {

class Copy : public Library {
 public:
  Copy(const std::string& dataRoot, store::Store& store) : Library(dataRoot, "vfs", store) {}

  std::string driver() const override { return "vfs"; }
  bool layersAreIndependent() const override { return false; }
  std::vector<files::Change> changes(const std::string& id,
                                     const base::StopToken& stop) const override;
  files::PackRecord packChanges(const std::string& id, archive::Sink& tar,
                                const base::StopToken& stop) const override;
  std::vector<std::pair<std::string, std::string>> describe(const std::string&) const override {
    return {};
  }
  std::vector<std::pair<std::string, std::string>> status() const override { return {}; }

 protected:
  void begin(LayerStaging& staging, const std::vector<Number>& below, Placement placement) override;
  void beginWritable(const std::string& id, int directory,
                     const std::vector<Number>& below) override;
  sys::Fd mountStack(const std::vector<Number>& stack) const override;
  sys::Fd mountWritable(const std::string& id, const std::vector<Number>& below) const override;

 private:
  void copyInto(int directory, const std::vector<Number>& below) const;
  sys::Fd openBase(const std::string& writable) const;
};

}  // namespace snapshot
