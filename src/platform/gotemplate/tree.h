// Parsed templates. Each node knows its place and can say itself again, since error texts quote it.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "platform/gotemplate/data.h"

namespace gotemplate {

struct Node {
  enum class Type {
    // In lists.
    kText,
    kAction,
    kIf,
    kRange,
    kWith,
    kTemplate,
    kBreak,
    kContinue,
    // Only while parsing: what ended a list.
    kEnd,
    kElse,
    // Operands.
    kPipe,
    kCommand,
    kField,
    kChain,
    kVariable,
    kIdentifier,
    kString,
    kNumber,
    kBool,
    kNil,
    kDot,
  };

  Type type;
  size_t position = 0;
  std::string
      text;  // kText, kString (its value), kIdentifier, kTemplate (its name), kNumber as written
  std::string quoted;  // kString, kTemplate: as written
  std::vector<std::string>
      names;  // kField, kChain: the fields; kVariable: "$x" and fields; kPipe: declared variables
  bool assigns = false;    // kPipe: = instead of :=
  Data value;              // kNumber, kBool
  bool isInt = false;      // kNumber: can be an integer
  bool overflows = false;  // kNumber: fits an unsigned integer only, which nothing takes
  std::unique_ptr<Node>
      pipe;  // kAction, kIf, kRange, kWith, kTemplate; kChain: what the fields are of
  std::vector<std::unique_ptr<Node>>
      children;  // kPipe: commands; kCommand: operands; kIf, kRange, kWith: the list
  std::vector<std::unique_ptr<Node>> otherwise;  // kIf, kRange, kWith: the else list

  std::string str() const;
};

using NodeList = std::vector<std::unique_ptr<Node>>;

struct Tree {
  std::string name;  // as in "template: NAME:1:2"
  std::string source;
  std::map<std::string, NodeList, std::less<>> definitions;  // the main one under `name`
};

std::shared_ptr<const Tree> parseTree(std::string_view text, std::string_view name);

// Functions that templates may name.
bool isFunction(std::string_view name);

}  // namespace gotemplate
