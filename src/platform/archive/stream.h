// Byte streams that are pulled (Source) or pushed (Sink), as one object each: archives, blobs and
// compressors are chained by them. One thread at a time; errors are base::Error.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "platform/base/stop_token.h"
#include "platform/crypto/hash.h"

namespace archive {

class Source {
 public:
  virtual ~Source() = default;

  // Fills a part of `into` (not empty). 0: the end, and so for every later call.
  virtual size_t read(std::span<char> into) = 0;

  // The next bytes where they lie, valid until the next call on this object; empty at the end. What
  // the extractor reads with, so that data is not copied between inflate and write(2). The default
  // reads into a buffer of 256 KiB.
  virtual std::span<const char> block();

 private:
  std::unique_ptr<char[]> buffer_;
};

class Sink {
 public:
  virtual ~Sink() = default;
  virtual void write(std::span<const char> bytes) = 0;
  // For text; a literal given to write() would take its NUL along.
  void writeText(std::string_view text) { write(std::span<const char>(text.data(), text.size())); }
};

// Everything below borrows what it is given unless it takes a unique_ptr.

class StringSource : public Source {
 public:
  explicit StringSource(std::string_view text) : rest_(text) {}
  size_t read(std::span<char> into) override;
  std::span<const char> block() override;

 private:
  std::string_view rest_;
};

class StringSink : public Sink {
 public:
  // Error kInvalidArgument beyond `limit` bytes.
  explicit StringSink(size_t limit = SIZE_MAX) : limit_(limit) {}
  void write(std::span<const char> bytes) override;
  std::string text;

 private:
  size_t limit_;
};

// A descriptor, from its present offset.
class FdSource : public Source {
 public:
  explicit FdSource(int fd, base::StopToken stop = {}) : fd_(fd), stop_(std::move(stop)) {}
  size_t read(std::span<char> into) override;

 private:
  int fd_;
  base::StopToken stop_;
};

class FdSink : public Sink {
 public:
  explicit FdSink(int fd) : fd_(fd) {}
  void write(std::span<const char> bytes) override;

 private:
  int fd_;
};

// Wraps a function: the form in which HTTP bodies and other libraries hand their bytes over.
class FunctionSource : public Source {
 public:
  explicit FunctionSource(std::function<size_t(std::span<char>)> body) : body_(std::move(body)) {}
  size_t read(std::span<char> into) override { return body_(into); }

 private:
  std::function<size_t(std::span<char>)> body_;
};

class FunctionSink : public Sink {
 public:
  explicit FunctionSink(std::function<void(std::span<const char>)> body) : body_(std::move(body)) {}
  void write(std::span<const char> bytes) override { body_(bytes); }

 private:
  std::function<void(std::span<const char>)> body_;
};

// Passes bytes through and hashes them: the diffID of a layer while it is unpacked.
class HashingSource : public Source {
 public:
  explicit HashingSource(Source& from, crypto::Algorithm algorithm = crypto::Algorithm::kSha256)
      : from_(from), hasher_(algorithm) {}
  size_t read(std::span<char> into) override;
  std::span<const char> block() override;
  std::uint64_t bytes() const { return bytes_; }
  // Of everything that went through. The whole stream is only hashed when it was read to its end.
  base::Digest finish() { return hasher_.finish(); }

 private:
  Source& from_;
  crypto::Hasher hasher_;
  std::uint64_t bytes_ = 0;
};

class HashingSink : public Sink {
 public:
  explicit HashingSink(Sink* to = nullptr, crypto::Algorithm algorithm = crypto::Algorithm::kSha256)
      : to_(to), hasher_(algorithm) {}
  void write(std::span<const char> bytes) override;
  std::uint64_t bytes() const { return bytes_; }
  base::Digest finish() { return hasher_.finish(); }

 private:
  Sink* to_;
  crypto::Hasher hasher_;
  std::uint64_t bytes_ = 0;
};

// Reads to the end. Returns the number of bytes.
std::uint64_t copy(Source& from, Sink& to);
// The same into nothing.
std::uint64_t drain(Source& from);

// Runs another source on a thread of its own, a few blocks ahead: inflate on one core, hash and
// write on the other. What the source throws is thrown by read() or block() here, after the bytes
// before it. The destructor stops the thread; it waits for the read that is under way.
class PipelinedSource : public Source {
 public:
  // At most `blocks` of `blockBytes` are held.
  explicit PipelinedSource(Source& from, size_t blockBytes = 256 << 10, int blocks = 8);
  ~PipelinedSource() override;
  size_t read(std::span<char> into) override;
  std::span<const char> block() override;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace archive
