// A Source whose bytes somebody else writes: runs the writer on a thread of its own, a few blocks
// ahead.
#pragma once

#include <condition_variable>
#include <deque>
#include <exception>
#include <functional>
#include <mutex>
#include <string>
#include <thread>

#include "platform/archive/stream.h"

namespace image {

// What the writer throws comes out of read(), after the bytes before it. The destructor stops it:
// its next write throws.
class ProducedSource : public archive::Source {
 public:
  explicit ProducedSource(std::function<void(archive::Sink&)> produce);
  ~ProducedSource() override;
  size_t read(std::span<char> into) override;

 private:
  class Queue;
  void put(std::span<const char> bytes);
  void run(const std::function<void(archive::Sink&)>& produce);

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::string> blocks_;
  size_t offset_ = 0;  // taken of the first block
  bool ended_ = false, abandoned_ = false;
  std::exception_ptr failure_;
  std::thread thread_;
};

}  // namespace image
