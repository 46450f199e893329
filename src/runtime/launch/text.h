// Sentences in fixed memory, for programs without a heap.
#pragma once

#include <cstddef>
#include <cstdint>

namespace launch {

// The errno in Go's words ("no such file or directory"), since clients read them.
const char* errorText(int error) noexcept;

inline std::size_t length(const char* text) noexcept {
  std::size_t size = 0;
  while (text[size]) ++size;
  return size;
}
inline bool equal(const char* a, const char* b) noexcept {
  while (*a && *a == *b) ++a, ++b;
  return *a == *b;
}
inline bool startsWith(const char* text, const char* prefix) noexcept {
  while (*prefix && *text == *prefix) ++text, ++prefix;
  return *prefix == 0;
}

struct Quoted {
  const char* text;
};

// One part of a sentence. Not a template: every sentence is then one array and one call.
struct Piece {
  Piece(const char* value) noexcept : text(value) {}
  Piece(Quoted value) noexcept : text(value.text), quoted(true) {}
  Piece(long value) noexcept : number(value) {}

  const char* text = nullptr;  // null: the number
  long number = 0;
  bool quoted = false;
};

// Appends to a buffer of fixed size; what does not fit is cut, and the result always ends in a NUL.
class Line {
 public:
  Line(char* buffer, std::size_t size) noexcept : buffer_(buffer), size_(size) { buffer_[0] = 0; }

  Line& add(const char* text) noexcept {
    while (*text) put(*text++);
    return *this;
  }
  Line& add(Quoted quoted) noexcept {
    put('"');
    for (const char* at = quoted.text; *at; ++at) {
      if (*at == '"' || *at == '\\') put('\\');
      put(*at);
    }
    put('"');
    return *this;
  }
  Line& add(long number) noexcept {
    char digits[24];
    int count = 0;
    unsigned long rest =
        number < 0 ? 0ul - static_cast<unsigned long>(number) : static_cast<unsigned long>(number);
    do digits[count++] = static_cast<char>('0' + rest % 10);
    while (rest /= 10);
    if (number < 0) put('-');
    while (count) put(digits[--count]);
    return *this;
  }
  Line& add(const Piece* pieces, std::size_t count) noexcept {
    for (std::size_t i = 0; i < count; ++i) {
      const Piece& piece = pieces[i];
      !piece.text ? add(piece.number) : piece.quoted ? add(Quoted{piece.text}) : add(piece.text);
    }
    return *this;
  }
  // ": no such file or directory"; nothing for 0.
  Line& addError(long error) noexcept;
  bool cut() const noexcept { return cut_; }
  const char* text() const noexcept { return buffer_; }
  std::size_t length() const noexcept { return used_; }

 private:
  void put(char c) noexcept {
    if (used_ + 1 >= size_) {
      cut_ = true;
      return;
    }
    buffer_[used_++] = c;
    buffer_[used_] = 0;
  }

  char* buffer_;
  std::size_t size_;
  std::size_t used_ = 0;
  bool cut_ = false;
};

}  // namespace launch
