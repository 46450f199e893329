#include <algorithm>
#include <cstring>
#include <exception>
#include <thread>
#include <utility>
#include <vector>

#include "platform/archive/stream.h"
#include "platform/base/mutex.h"

namespace archive {

// A ring of blocks: the thread fills filled_ .. taken_ + blocks, the reader holds the one at
// taken_.
struct PipelinedSource::Impl {
  struct Block {
    std::unique_ptr<char[]> bytes;
    size_t size = 0;
  };

  Impl(Source& source, size_t size, int count)
      : from(source), blockBytes(size), ring(static_cast<size_t>(count)) {}

  Source& from;
  const size_t blockBytes;
  std::vector<Block>
      ring;  // a block belongs to the thread until it is counted in filled, then to the reader

  base::Mutex mutex;
  base::Condition changed;
  std::uint64_t filled GUARDED_BY(mutex) = 0;
  std::uint64_t taken GUARDED_BY(mutex) = 0;
  bool ended GUARDED_BY(mutex) = false;
  bool stopping GUARDED_BY(mutex) = false;
  std::exception_ptr error GUARDED_BY(mutex);

  std::span<const char> rest;  // reader only: of the block it holds
  bool holding = false;
  std::thread thread;

  void run();
  bool waitForRoom(std::uint64_t index) EXCLUDES(mutex);
  size_t fill(Block& block);
};

bool PipelinedSource::Impl::waitForRoom(std::uint64_t index) {
  base::Lock lock(mutex);
  while (!stopping && index - taken >= ring.size()) changed.wait(mutex);
  return !stopping;
}

// Whole blocks, so that a source of small pieces does not cost a wake-up for each.
size_t PipelinedSource::Impl::fill(Block& block) {
  if (!block.bytes) block.bytes = std::make_unique_for_overwrite<char[]>(blockBytes);
  block.size = 0;
  while (block.size < blockBytes) {
    const size_t got = from.read({block.bytes.get() + block.size, blockBytes - block.size});
    if (got == 0) break;
    block.size += got;
  }
  return block.size;
}

void PipelinedSource::Impl::run() {
  std::exception_ptr caught;
  for (std::uint64_t index = 0; waitForRoom(index); ++index) {
    Block& block = ring[index % ring.size()];
    size_t size = 0;
    try {
      size = fill(block);
    } catch (...) {  // the edge of a thread: rethrown on the reader's
      caught = std::current_exception();
      size = block.size;
    }
    base::Lock lock(mutex);
    if (size > 0) ++filled;
    const bool last = size < blockBytes;
    if (last) {
      ended = true;
      error = caught;
    }
    changed.notifyAll();
    if (last) return;
  }
}

PipelinedSource::PipelinedSource(Source& from, size_t blockBytes, int blocks)
    : impl_(std::make_unique<Impl>(from, blockBytes, blocks)) {
  impl_->thread = std::thread([impl = impl_.get()] { impl->run(); });
}

PipelinedSource::~PipelinedSource() {
  {
    base::Lock lock(impl_->mutex);
    impl_->stopping = true;
    impl_->changed.notifyAll();
  }
  impl_->thread.join();
}

std::span<const char> PipelinedSource::block() {
  if (!impl_->rest.empty()) return std::exchange(impl_->rest, {});
  base::Lock lock(impl_->mutex);
  if (impl_->holding) {
    ++impl_->taken;
    impl_->holding = false;
    impl_->changed.notifyAll();
  }
  while (impl_->taken == impl_->filled && !impl_->ended) impl_->changed.wait(impl_->mutex);
  if (impl_->taken == impl_->filled) {
    if (impl_->error) std::rethrow_exception(impl_->error);
    return {};
  }
  impl_->holding = true;
  const auto& block = impl_->ring[impl_->taken % impl_->ring.size()];
  return {block.bytes.get(), block.size};
}

size_t PipelinedSource::read(std::span<char> into) {
  auto bytes = block();
  const size_t taken = std::min(into.size(), bytes.size());
  std::copy_n(bytes.data(), taken, into.data());
  impl_->rest = bytes.subspan(taken);
  return taken;
}

}  // namespace archive
