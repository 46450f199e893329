#include "storage/image/produced_source.h"

#include <algorithm>
#include <cstring>

#include "platform/base/error.h"

namespace image {
namespace {

constexpr size_t kBlock = 256 * 1024;
constexpr size_t kAhead = 8;

}  // namespace

// Gathers small writes into blocks.
class ProducedSource::Queue : public archive::Sink {
 public:
  explicit Queue(ProducedSource& source) : source_(source) { pending_.reserve(kBlock); }
  void write(std::span<const char> bytes) override {
    pending_.append(bytes.data(), bytes.size());
    if (pending_.size() >= kBlock) flush();
  }
  void flush() {
    if (!pending_.empty()) source_.put(std::span<const char>(pending_.data(), pending_.size()));
    pending_.clear();
  }

 private:
  ProducedSource& source_;
  std::string pending_;
};

ProducedSource::ProducedSource(std::function<void(archive::Sink&)> produce)
    : thread_([this, produce = std::move(produce)] { run(produce); }) {}

ProducedSource::~ProducedSource() {
  {
    std::lock_guard lock(mutex_);
    abandoned_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void ProducedSource::put(std::span<const char> bytes) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return blocks_.size() < kAhead || abandoned_; });
  if (abandoned_) throw base::Error(base::Code::kCancelled, "context canceled");
  blocks_.emplace_back(bytes.data(), bytes.size());
  changed_.notify_all();
}

void ProducedSource::run(const std::function<void(archive::Sink&)>& produce) {
  std::exception_ptr failure;
  try {
    Queue queue(*this);
    produce(queue);
    queue.flush();
  } catch (...) {  // handed over to the reader
    failure = std::current_exception();
  }
  std::lock_guard lock(mutex_);
  failure_ = failure;
  ended_ = true;
  changed_.notify_all();
}

size_t ProducedSource::read(std::span<char> into) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return !blocks_.empty() || ended_; });
  if (blocks_.empty()) {
    if (failure_) std::rethrow_exception(failure_);
    return 0;
  }
  const std::string& block = blocks_.front();
  const size_t count = std::min(into.size(), block.size() - offset_);
  std::memcpy(into.data(), block.data() + offset_, count);
  offset_ += count;
  if (offset_ == block.size()) {
    blocks_.pop_front();
    offset_ = 0;
    changed_.notify_all();
  }
  return count;
}

}  // namespace image
