// Layers as overlayfs takes them: the driver "overlay2". Private to this library.
#pragma once

#include "storage/snapshot/library.h"
#include "storage/snapshot/overlay_mount.h"

namespace snapshot {

class Overlay : public Library {
 public:
  // Error: this way of mounting does not work on this data root.
  Overlay(const std::string& dataRoot, store::Store& store, bool oldWay);

  std::string driver() const override { return "overlay2"; }
  bool layersAreIndependent() const override { return true; }
  std::vector<files::Change> changes(const std::string& id,
                                     const base::StopToken& stop) const override;
  files::PackRecord packChanges(const std::string& id, archive::Sink& tar,
                                const base::StopToken& stop) const override;
  std::vector<std::pair<std::string, std::string>> describe(const std::string& id) const override;
  std::vector<std::pair<std::string, std::string>> status() const override;

 protected:
  void begin(LayerStaging& staging, const std::vector<Number>& below, Placement placement) override;
  void beginWritable(const std::string& id, int directory,
                     const std::vector<Number>& below) override;
  sys::Fd mountStack(const std::vector<Number>& stack) const override;
  sys::Fd mountWritable(const std::string& id, const std::vector<Number>& below) const override;

 private:
  OverlayPlan plan(const std::vector<Number>& below) const;
  sys::Fd mount(const OverlayPlan& plan) const {
    return old_way_ ? mountOverlayOld(plan) : mountOverlayNew(plan);
  }
  void probe();

  const bool old_way_;
};

}  // namespace snapshot
