// The configuration as it is now: SIGHUP replaces it while requests read it.
#pragma once

#include <memory>
#include <utility>

#include "engine/wiring/config.h"
#include "platform/base/mutex.h"

namespace wiring {

class LiveConfig {
 public:
  explicit LiveConfig(Config config) : config_(std::make_shared<const Config>(std::move(config))) {}

  std::shared_ptr<const Config> get() const EXCLUDES(mutex_) {
    const base::Lock lock(mutex_);
    return config_;
  }
  void set(Config config) EXCLUDES(mutex_) {
    auto fresh = std::make_shared<const Config>(std::move(config));
    const base::Lock lock(mutex_);
    config_ = std::move(fresh);
  }

 private:
  mutable base::Mutex mutex_;
  std::shared_ptr<const Config> config_ GUARDED_BY(mutex_);
};

}  // namespace wiring
