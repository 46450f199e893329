#include "platform/gotemplate/lexer.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "platform/base/strings.h"
#include "platform/json/utf8.h"

namespace gotemplate {

namespace {

constexpr std::string_view kLeft = "{{";
constexpr std::string_view kRight = "}}";
constexpr std::string_view kLeftComment = "/*";
constexpr std::string_view kRightComment = "*/";
constexpr size_t kTrimMarker = 2;  // a minus and its space

constexpr std::pair<std::string_view, TokenType> kKeywords[] = {
    {".", TokenType::kDot},
    {"block", TokenType::kBlock},
    {"break", TokenType::kBreak},
    {"continue", TokenType::kContinue},
    {"define", TokenType::kDefine},
    {"else", TokenType::kElse},
    {"end", TokenType::kEndKeyword},
    {"if", TokenType::kIf},
    {"nil", TokenType::kNil},
    {"range", TokenType::kRange},
    {"template", TokenType::kTemplate},
    {"with", TokenType::kWith},
};

bool isSpace(char c) {
  return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}
bool isDigit(char c) {
  return c >= '0' && c <= '9';
}

// U+007D '}'
std::string describeRune(char32_t rune) {
  std::string text = fmt::format("U+{:04X}", static_cast<unsigned>(rune));
  if (rune < 0x20 || rune == 0x7f) return text;
  text += " '";
  json::appendRune(text, rune);
  return text + "'";
}

class Lexer {
 public:
  explicit Lexer(std::string_view text) : text_(text) {}

  std::vector<Token> run() {
    while (!failed_ && at_ < text_.size()) {
      plainText();
      if (!failed_ && at_ < text_.size()) action();
    }
    if (!failed_) emit(TokenType::kEnd);
    return std::move(tokens_);
  }

 private:
  bool sees(std::string_view what) const { return text_.substr(at_).starts_with(what); }
  char peek(size_t offset = 0) const {
    return at_ + offset < text_.size() ? text_[at_ + offset] : '\0';
  }
  bool atEnd() const { return at_ >= text_.size(); }
  json::Rune rune() const {
    return json::decodeRune(text_.data() + at_, text_.data() + text_.size());
  }
  static bool isWord(char32_t rune) {
    if (rune >= 0x80)
      return rune != json::kReplacementRune;  // letters of other scripts, nearly always
    return rune == '_' || isDigit(static_cast<char>(rune)) ||
           ((rune | 0x20) >= 'a' && (rune | 0x20) <= 'z');
  }

  void emit(TokenType type) {
    const std::string_view piece = text_.substr(start_, at_ - start_);
    tokens_.push_back({type, start_, line_, std::string(piece)});
    skip();
  }
  // Drops what was read since the last token.
  void skip() {
    line_ += static_cast<int>(std::count(text_.begin() + static_cast<long>(start_),
                                         text_.begin() + static_cast<long>(at_), '\n'));
    start_ = at_;
  }
  void fail(std::string message) {
    const int line =
        line_ + static_cast<int>(std::count(
                    text_.begin() + static_cast<long>(start_),
                    text_.begin() + static_cast<long>(std::min(at_, text_.size())), '\n'));
    tokens_.push_back({TokenType::kError, start_, line, std::move(message)});
    failed_ = true;
  }
  void skipSpaces() {
    while (!atEnd() && isSpace(peek())) ++at_;
  }

  bool seesRightTrim() const { return isSpace(peek()) && peek(1) == '-'; }
  // {an action ends here, and takes the space behind it along}
  std::pair<bool, bool> seesRightDelim() const {
    if (seesRightTrim() && text_.substr(at_ + kTrimMarker).starts_with(kRight)) return {true, true};
    return {sees(kRight), false};
  }

  void plainText() {
    const size_t open = text_.find(kLeft, at_);
    if (open == text_.npos) {
      at_ = text_.size();
      if (at_ > start_) emit(TokenType::kText);
      return;
    }
    size_t end = open;
    if (open + 3 < text_.size() && text_[open + 2] == '-' && isSpace(text_[open + 3]))
      while (end > start_ && isSpace(text_[end - 1])) --end;
    at_ = end;
    if (at_ > start_) emit(TokenType::kText);
    at_ = open;
    skip();
  }

  // At "{{".
  void action() {
    size_t after = at_ + kLeft.size();
    const bool trims = after + 1 < text_.size() && text_[after] == '-' && isSpace(text_[after + 1]);
    if (trims) after += kTrimMarker;
    if (text_.substr(after).starts_with(kLeftComment)) {
      at_ = after;
      skip();
      return comment();
    }
    at_ += kLeft.size();
    emit(TokenType::kLeftDelim);
    at_ = after;
    skip();
    depth_ = 0;
    inside_ = true;
    while (inside_ && !failed_) insideAction();
  }

  void comment() {
    const size_t close = text_.find(kRightComment, at_ + kLeftComment.size());
    if (close == text_.npos) return fail("unclosed comment");
    at_ = close + kRightComment.size();
    const auto [ends, trims] = seesRightDelim();
    if (!ends) return fail("comment ends before closing delimiter");
    if (trims) at_ += kTrimMarker;
    at_ += kRight.size();
    if (trims) skipSpaces();
    skip();
  }

  void rightDelim(bool trims) {
    if (trims) {
      at_ += kTrimMarker;
      skip();
    }
    at_ += kRight.size();
    emit(TokenType::kRightDelim);
    if (trims) {
      skipSpaces();
      skip();
    }
    inside_ = false;
  }

  void insideAction() {
    if (const auto [ends, trims] = seesRightDelim(); ends) {
      if (depth_ > 0) return fail("unclosed left paren");
      return rightDelim(trims);
    }
    if (atEnd()) return fail("unclosed action");
    const char c = peek();
    if (isSpace(c)) return space();
    switch (c) {
      case '=':
        return single(TokenType::kAssign);
      case '|':
        return single(TokenType::kPipe);
      case '"':
        return quoted();
      case '`':
        return rawString();
      case '\'':
        return charConstant();
      case '$':
        return fieldOrVariable(TokenType::kVariable);
      case '(':
        ++depth_;
        return single(TokenType::kLeftParen);
      case ')':
        if (--depth_ < 0) {
          ++at_;
          return fail("unexpected right paren");
        }
        return single(TokenType::kRightParen);
      case ':':
        ++at_;
        if (peek() != '=') return fail("expected :=");
        ++at_;
        return emit(TokenType::kDeclare);
      case '.':
        if (!isDigit(peek(1))) return fieldOrVariable(TokenType::kField);
        return number();
    }
    if (c == '+' || c == '-' || isDigit(c)) return number();
    if (isWord(rune().value)) return identifier();
    if (c > 0x20 && c < 0x7f) return single(TokenType::kChar);
    fail("unrecognized character in action: " + describeRune(rune().value));
  }

  void single(TokenType type) {
    ++at_;
    emit(type);
  }

  void space() {
    // The space of a trim marker belongs to the marker.
    while (isSpace(peek()) && !atEnd()) {
      if (seesRightTrim() && text_.substr(at_ + kTrimMarker).starts_with(kRight)) break;
      ++at_;
    }
    if (at_ > start_) emit(TokenType::kSpace);
  }

  bool atTerminator() const {
    if (atEnd() || isSpace(peek())) return true;
    const char c = peek();
    return c == '.' || c == ',' || c == '|' || c == ':' || c == ')' || c == '(' || sees(kRight);
  }

  void fieldOrVariable(TokenType type) {
    ++at_;
    if (atTerminator()) return emit(type == TokenType::kVariable ? type : TokenType::kDot);
    while (!atEnd() && isWord(rune().value)) at_ += static_cast<size_t>(rune().length);
    if (!atTerminator()) return fail("bad character " + describeRune(rune().value));
    emit(type);
  }

  void identifier() {
    while (!atEnd() && isWord(rune().value)) at_ += static_cast<size_t>(rune().length);
    if (!atTerminator()) return fail("bad character " + describeRune(rune().value));
    const std::string_view word = text_.substr(start_, at_ - start_);
    for (const auto& [name, type] : kKeywords)
      if (word == name) return emit(type);
    emit(word == "true" || word == "false" ? TokenType::kBool : TokenType::kIdentifier);
  }

  void quoted() {
    for (++at_; !atEnd() && peek() != '"'; ++at_) {
      if (peek() == '\n') break;
      if (peek() == '\\' && peek(1) != '\n') ++at_;
    }
    if (atEnd() || peek() != '"') return fail("unterminated quoted string");
    ++at_;
    emit(TokenType::kString);
  }

  void rawString() {
    const size_t close = text_.find('`', at_ + 1);
    if (close == text_.npos) return fail("unterminated raw quoted string");
    at_ = close + 1;
    emit(TokenType::kRawString);
  }

  void charConstant() {
    for (++at_; !atEnd() && peek() != '\''; ++at_) {
      if (peek() == '\n') break;
      if (peek() == '\\' && peek(1) != '\n') ++at_;
    }
    if (atEnd() || peek() != '\'') return fail("unterminated character constant");
    ++at_;
    emit(TokenType::kCharConstant);
  }

  void number() {
    scanNumber();
    bool valid = atEnd() || !isWord(rune().value);
    if (!valid) at_ += static_cast<size_t>(rune().length);
    if (valid &&
        (peek() == '+' || peek() == '-')) {  // Go's complex constants, which are not supported
      scanNumber();
      valid = false;
    }
    if (!valid)
      return fail("bad number syntax: " + base::quote(text_.substr(start_, at_ - start_)));
    emit(TokenType::kNumber);
  }

  void scanNumber() {
    if (peek() == '+' || peek() == '-') ++at_;
    std::string_view digits = "0123456789_";
    bool hex = false;
    if (peek() == '0') {
      ++at_;
      const char base = static_cast<char>(peek() | 0x20);
      if (base == 'x') digits = "0123456789abcdefABCDEF_";
      if (base == 'o') digits = "01234567_";
      if (base == 'b') digits = "01_";
      hex = base == 'x';
      if (base == 'x' || base == 'o' || base == 'b') ++at_;
    }
    const auto run = [&](std::string_view set) {
      while (!atEnd() && set.find(peek()) != set.npos) ++at_;
    };
    run(digits);
    if (peek() == '.') {
      ++at_;
      run(digits);
    }
    const char exponent = static_cast<char>(peek() | 0x20);
    if ((digits.size() == 11 && exponent == 'e') || (hex && exponent == 'p')) {
      ++at_;
      if (peek() == '+' || peek() == '-') ++at_;
      run("0123456789_");
    }
  }

  std::string_view text_;
  size_t start_ = 0, at_ = 0;
  int line_ = 1;
  int depth_ = 0;  // of parentheses
  bool inside_ = false, failed_ = false;
  std::vector<Token> tokens_;
};

}  // namespace

std::vector<Token> lex(std::string_view text) {
  return Lexer(text).run();
}

std::string describe(const Token& token) {
  if (token.type == TokenType::kEnd) return "EOF";
  if (token.type == TokenType::kError) return token.text;
  if (token.type > TokenType::kKeyword) return "<" + token.text + ">";
  if (token.text.size() > 10) return base::quote(token.text.substr(0, 10)) + "...";
  return base::quote(token.text);
}

}  // namespace gotemplate
