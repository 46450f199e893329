// Templates cut into tokens, by Go's rules for delimiters, trim markers and what may follow what.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace gotemplate {

enum class TokenType {
  kError,
  kBool,
  kChar,
  kCharConstant,
  kAssign,
  kDeclare,
  kEnd,
  kField,
  kIdentifier,
  kLeftDelim,
  kLeftParen,
  kNumber,
  kPipe,
  kRawString,
  kRightDelim,
  kRightParen,
  kSpace,
  kString,
  kText,
  kVariable,
  kKeyword,  // what follows are keywords
  kBlock,
  kBreak,
  kContinue,
  kDot,
  kDefine,
  kElse,
  kEndKeyword,
  kIf,
  kNil,
  kRange,
  kTemplate,
  kWith,
};

struct Token {
  TokenType type;
  size_t position;  // in the text
  int line;
  std::string text;  // of an error: its message
};

// The last token is kEnd or kError.
std::vector<Token> lex(std::string_view text);

// A token as error texts quote it.
std::string describe(const Token& token);

}  // namespace gotemplate
