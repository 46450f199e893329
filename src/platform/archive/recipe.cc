#include "platform/archive/recipe.h"

#include <isa-l/crc64.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <map>
#include <optional>
#include <vector>

#include "platform/archive/compression.h"
#include "platform/base/error.h"

namespace archive {

namespace {

constexpr std::string_view kMagic = "sampan recipe 1\n";
constexpr size_t kRawRecord = 64 << 10;
constexpr std::uint64_t kMaxReplaced = 64u << 20;
constexpr std::uint64_t kMaxPath = 4096;

// The library takes SSE4.2 for a sign of carry-less multiplication, which many virtual processors
// (x86-64-v2) do not have.
bool multipliesCarryless() {
#if defined(__x86_64__)
  return __builtin_cpu_supports("pclmul") != 0;
#else
  return true;
#endif
}

std::uint64_t crc64(std::uint64_t crc, std::span<const char> bytes) {
  static const auto compute = multipliesCarryless() ? crc64_ecma_refl : crc64_ecma_refl_base;
  return compute(crc, reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size());
}

void putNumber(std::string& to, std::uint64_t value) {
  for (; value >= 0x80; value >>= 7) to += static_cast<char>(value | 0x80);
  to += static_cast<char>(value);
}

[[noreturn]] void damaged(std::string_view reason) {
  base::fail(base::Code::kDataLoss, "tar recipe is damaged: {}", reason);
}

class Counting : public Sink {
 public:
  explicit Counting(Sink& to) : to_(to) {}
  void write(std::span<const char> bytes) override {
    total += bytes.size();
    to_.write(bytes);
  }
  std::uint64_t total = 0;

 private:
  Sink& to_;
};

}  // namespace

struct RecipeWriter::Impl {
  explicit Impl(Sink& sink) : to(sink) {
    to.writeText(kMagic);
    packed = deflate(to, Compression::kZstd, 3);
  }

  void flushRaw() {
    if (raw.empty()) return;
    std::string head = "R";
    putNumber(head, raw.size());
    packed->write(head);
    packed->write(raw);
    raw.clear();
  }

  void flushFile() {
    if (path && size > 0) {
      flushRaw();
      std::string record = "F";
      putNumber(record, size);
      for (int shift = 0; shift < 64; shift += 8) record += static_cast<char>(crc >> shift);
      putNumber(record, path->size());
      packed->write(record + *path);
    }
    path.reset();
  }

  void appendRaw(std::span<const char> bytes) {
    raw.append(bytes.data(), bytes.size());
    if (raw.size() >= kRawRecord) flushRaw();
  }

  Counting to;
  std::unique_ptr<Deflater> packed;
  std::string raw;
  std::optional<std::string> path;  // of the file whose data comes now
  std::uint64_t size = 0;
  std::uint64_t crc = 0;
  std::uint64_t total = 0;
  std::uint64_t replaced = 0;
  bool whole = true;
  bool finished = false;
};

RecipeWriter::RecipeWriter(Sink& to) : impl_(std::make_unique<Impl>(to)) {}
RecipeWriter::~RecipeWriter() = default;

void RecipeWriter::raw(std::span<const char> bytes) {
  impl_->total += bytes.size();
  impl_->flushFile();
  impl_->appendRaw(bytes);
}

void RecipeWriter::data(std::span<const char> bytes) {
  impl_->total += bytes.size();
  if (!impl_->path) return impl_->appendRaw(bytes);
  impl_->size += bytes.size();
  impl_->crc = crc64(impl_->crc, bytes);
}

void RecipeWriter::file(std::string_view path) {
  impl_->flushFile();
  impl_->path = std::string(path);
  impl_->size = 0;
  impl_->crc = 0;
}

bool RecipeWriter::replaced(std::string_view path, Source& contents, std::uint64_t size) {
  if (size == 0) return true;  // an empty file has no record that this one could belong to
  impl_->replaced += size;
  if (impl_->replaced > kMaxReplaced) impl_->whole = false;
  if (!impl_->whole) return false;
  impl_->flushFile();
  impl_->flushRaw();
  std::string head = "O";
  putNumber(head, path.size());
  head.append(path);
  putNumber(head, size);
  impl_->packed->write(head);
  std::uint64_t left = size;
  for (auto part = contents.block(); left > 0; part = contents.block()) {
    if (part.empty()) {
      base::fail(base::Code::kInternal, "{}: shorter than {} bytes", path, size);
    }
    part = part.first(std::min<std::uint64_t>(part.size(), left));
    impl_->packed->write(part);
    left -= part.size();
  }
  return true;
}

void RecipeWriter::abandon() {
  impl_->whole = false;
}

void RecipeWriter::finish() {
  impl_->flushFile();
  impl_->flushRaw();
  std::string end = "E";
  putNumber(end, impl_->total);
  impl_->packed->write(end);
  impl_->packed->finish();
  impl_->finished = true;
}

bool RecipeWriter::complete() const {
  return impl_->finished && impl_->whole;
}
std::uint64_t RecipeWriter::bytes() const {
  return impl_->to.total;
}

namespace {

struct Record {
  char tag = 0;
  std::uint64_t size = 0;
  std::uint64_t crc = 0;
  std::string path;
};

class RecipeReader {
 public:
  explicit RecipeReader(std::unique_ptr<Source> from) : from_(std::move(from)) {
    char magic[kMagic.size()];
    for (size_t have = 0; have < sizeof magic;) {
      const size_t got = from_->read({magic + have, sizeof magic - have});
      if (got == 0) damaged("it is cut short");
      have += got;
    }
    if (std::string_view(magic, sizeof magic) != kMagic)
      damaged("it is of another version, or none");
    plain_ = inflate(*from_, Compression::kZstd);
  }

  // The record's bytes ('R', 'O') then come by pass().
  Record next() {
    Record record;
    record.tag = static_cast<char>(byte());
    switch (record.tag) {
      case 'R':
        record.size = number();
        break;
      case 'F':
        record.size = number();
        for (int shift = 0; shift < 64; shift += 8)
          record.crc |= static_cast<std::uint64_t>(byte()) << shift;
        record.path = path();
        break;
      case 'O':
        record.path = path();
        record.size = number();
        if (record.size > kMaxReplaced) damaged("a record is too long");
        break;
      case 'E':
        record.size = number();
        break;
      default:
        damaged("unknown record");
    }
    return record;
  }

  void pass(std::uint64_t size, Sink* to) {
    while (size > 0) {
      fill();
      const auto part = window_.first(std::min<std::uint64_t>(size, window_.size()));
      window_ = window_.subspan(part.size());
      size -= part.size();
      if (to != nullptr) to->write(part);
    }
  }

 private:
  void fill() {
    if (!window_.empty()) return;
    window_ = plain_->block();
    if (window_.empty()) damaged("it is cut short");
  }
  std::uint8_t byte() {
    fill();
    const char c = window_[0];
    window_ = window_.subspan(1);
    return static_cast<std::uint8_t>(c);
  }
  std::uint64_t number() {
    std::uint64_t value = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      const auto part = byte();
      value |= static_cast<std::uint64_t>(part & 0x7f) << shift;
      if ((part & 0x80) == 0) return value;
    }
    damaged("a number is too long");
  }
  std::string path() {
    const auto size = number();
    if (size > kMaxPath) damaged("a path is too long");
    StringSink text;
    pass(size, &text);
    return text.text;
  }

  std::unique_ptr<Source> from_;
  std::unique_ptr<Source> plain_;
  std::span<const char> window_;
};

using Replaced = std::map<std::string, std::vector<std::string>>;

Replaced collectReplaced(RecipeReader reader) {
  Replaced replaced;
  std::uint64_t total = 0;
  for (;;) {
    const Record record = reader.next();
    if (record.tag == 'E') return replaced;
    if (record.tag == 'R') reader.pass(record.size, nullptr);
    if (record.tag != 'O') continue;
    total += record.size;
    if (total > kMaxReplaced) damaged("it holds too much");
    StringSink contents;
    reader.pass(record.size, &contents);
    replaced[record.path].push_back(std::move(contents.text));
  }
}

void passFile(const Record& record, Source& contents, Sink& tar) {
  std::uint64_t left = record.size;
  std::uint64_t crc = 0;
  while (left > 0) {
    auto part = contents.block();
    if (part.empty())
      base::fail(base::Code::kDataLoss, "{} is shorter than when it was unpacked", record.path);
    part = part.first(std::min<std::uint64_t>(part.size(), left));
    crc = crc64(crc, part);
    tar.write(part);
    left -= part.size();
  }
  if (crc != record.crc)
    base::fail(base::Code::kDataLoss, "{} changed since it was unpacked", record.path);
}

}  // namespace

void rebuild(const std::function<std::unique_ptr<Source>()>& recipe, const OpenContents& open,
             Sink& tar) {
  const Replaced replaced = collectReplaced(RecipeReader(recipe()));
  std::map<std::string, size_t> used;
  RecipeReader reader(recipe());
  Counting out(tar);
  for (;;) {
    const Record record = reader.next();
    if (record.tag == 'R') {
      reader.pass(record.size, &out);
    } else if (record.tag == 'O') {
      reader.pass(record.size, nullptr);
    } else if (record.tag == 'E') {
      if (out.total != record.size) damaged("its length does not agree with its parts");
      return;
    } else {
      const auto known = replaced.find(record.path);
      const size_t turn = known == replaced.end() ? 0 : used[record.path]++;
      if (known != replaced.end() && turn < known->second.size()) {
        StringSource contents(known->second[turn]);
        passFile(record, contents, out);
      } else {
        passFile(record, *open(record.path), out);
      }
    }
  }
}

}  // namespace archive
