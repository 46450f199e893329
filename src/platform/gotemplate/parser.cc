#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>
#include <set>

#include "platform/base/error.h"
#include "platform/base/strings.h"
#include "platform/gotemplate/lexer.h"
#include "platform/gotemplate/tree.h"
#include "platform/gotemplate/unquote.h"

namespace gotemplate {

namespace {

constexpr int kMaxDepth = 1000;  // of parentheses and of nested actions

class Parser {
 public:
  Parser(std::string_view text, std::string_view name, Tree& tree)
      : tokens_(lex(text)), name_(name), tree_(tree) {}

  void run() {
    NodeList list;
    variables_ = {"$"};
    while (peek().type != TokenType::kEnd) {
      if (peek().type == TokenType::kLeftDelim && keywordAfterDelim() == TokenType::kDefine) {
        next();
        nextNonSpace();
        definition();
        continue;
      }
      auto node = textOrAction();
      if (node->type == Node::Type::kEnd || node->type == Node::Type::kElse)
        fail("unexpected " + node->str());
      list.push_back(std::move(node));
    }
    add(name_, std::move(list));
  }

 private:
  using Type = Node::Type;
  using NodePtr = std::unique_ptr<Node>;

  [[noreturn]] void fail(std::string_view message) const {
    const Token& token = tokens_[std::min(at_ == 0 ? 0 : at_ - 1, tokens_.size() - 1)];
    base::fail(base::Code::kInvalidArgument, "template: {}:{}: {}", name_, token.line, message);
  }
  [[noreturn]] void unexpected(const Token& token, std::string_view context) const {
    if (token.type != TokenType::kError)
      fail(fmt::format("unexpected {} in {}", describe(token), context));
    std::string extra;
    if (action_line_ != 0 && action_line_ != token.line) {
      extra = fmt::format(" in action started at {}:{}", name_, action_line_);
      if (token.text.ends_with(" action"))
        extra = extra.substr(std::string_view(" in action").size());
    }
    fail(token.text + extra);
  }

  const Token& next() {
    return tokens_[at_ < tokens_.size() - 1 ? at_++ : (at_ = tokens_.size(), tokens_.size() - 1)];
  }
  void backup() { at_ = std::min(at_, tokens_.size()) - 1; }
  const Token& peek() const { return tokens_[std::min(at_, tokens_.size() - 1)]; }
  const Token& nextNonSpace() {
    skipSpace();
    return next();
  }
  const Token& peekNonSpace() {
    skipSpace();
    return peek();
  }
  void skipSpace() {
    while (peek().type == TokenType::kSpace) next();
  }
  TokenType keywordAfterDelim() const {
    size_t i = at_ + 1;
    while (i < tokens_.size() && tokens_[i].type == TokenType::kSpace) ++i;
    return i < tokens_.size() ? tokens_[i].type : TokenType::kEnd;
  }
  void expect(TokenType type, std::string_view context) {
    const Token& token = nextNonSpace();
    if (token.type != type) unexpected(token, context);
  }
  static NodePtr make(Type type, size_t position) {
    auto node = std::make_unique<Node>();
    node->type = type;
    node->position = position;
    return node;
  }

  void add(const std::string& name, NodeList list) {
    // As Go: an empty definition does not replace one, and two that are not empty clash.
    const auto isEmpty = [](const NodeList& nodes) {
      return std::all_of(nodes.begin(), nodes.end(), [](const NodePtr& node) {
        return node->type == Type::kText && base::trim(node->text).empty();
      });
    };
    const auto old = tree_.definitions.find(name);
    if (old == tree_.definitions.end() || isEmpty(old->second)) {
      tree_.definitions[name] = std::move(list);
    } else if (!isEmpty(list)) {
      fail("template: multiple definition of template " + base::quote(name));
    }
  }

  NodePtr textOrAction() {
    const Token& token = nextNonSpace();
    if (token.type == TokenType::kText) {
      auto node = make(Type::kText, token.position);
      node->text = token.text;
      return node;
    }
    if (token.type != TokenType::kLeftDelim) unexpected(token, "input");
    action_line_ = token.line;
    auto node = action();
    action_line_ = 0;
    return node;
  }

  NodePtr action() {
    if (++depth_ > kMaxDepth) fail("actions nest too deeply");
    const Token& token = nextNonSpace();
    NodePtr node;
    switch (token.type) {
      case TokenType::kBlock:
        node = block(token);
        break;
      case TokenType::kBreak:
        node = loopExit(token, Type::kBreak);
        break;
      case TokenType::kContinue:
        node = loopExit(token, Type::kContinue);
        break;
      case TokenType::kElse:
        node = elseAction();
        break;
      case TokenType::kEndKeyword:
        expect(TokenType::kRightDelim, "end");
        node = make(Type::kEnd, token.position);
        break;
      case TokenType::kIf:
        node = control(Type::kIf, "if", token.position);
        break;
      case TokenType::kRange:
        node = control(Type::kRange, "range", token.position);
        break;
      case TokenType::kWith:
        node = control(Type::kWith, "with", token.position);
        break;
      case TokenType::kTemplate:
        node = templateAction(token);
        break;
      default: {
        backup();
        node = make(Type::kAction, peek().position);
        node->pipe = pipeline("command", TokenType::kRightDelim);
      }
    }
    --depth_;
    return node;
  }

  NodePtr loopExit(const Token& token, Type type) {
    const std::string word = "{{" + token.text + "}}";
    const Token& after = nextNonSpace();
    if (after.type != TokenType::kRightDelim) unexpected(after, word);
    if (range_depth_ == 0) fail(word + " outside {{range}}");
    return make(type, token.position);
  }

  NodePtr elseAction() {
    const Token& token = peekNonSpace();
    auto node = make(Type::kElse, token.position);
    // {{else if}} is read on as an if.
    if (token.type != TokenType::kIf && token.type != TokenType::kWith)
      expect(TokenType::kRightDelim, "else");
    return node;
  }

  // Up to {{end}} or {{else}}, which is returned.
  NodePtr itemList(NodeList& list) {
    while (peekNonSpace().type != TokenType::kEnd) {
      auto node = textOrAction();
      if (node->type == Type::kEnd || node->type == Type::kElse) return node;
      list.push_back(std::move(node));
    }
    next();
    fail("unexpected EOF");
  }

  NodePtr control(Type type, std::string_view word, size_t position) {
    const size_t scope = variables_.size();
    auto node = make(type, position);
    node->pipe = pipeline(word, TokenType::kRightDelim);
    if (type == Type::kRange) ++range_depth_;
    const NodePtr end = itemList(node->children);
    if (type == Type::kRange) --range_depth_;
    if (end->type == Type::kElse) elseList(*node, word);
    variables_.resize(scope);
    return node;
  }

  void elseList(Node& node, std::string_view word) {
    const TokenType type = peek().type;
    if ((node.type == Type::kIf && type == TokenType::kIf) ||
        (node.type == Type::kWith && type == TokenType::kWith)) {
      const size_t position = next().position;
      if (++depth_ > kMaxDepth) fail("actions nest too deeply");
      node.otherwise.push_back(control(node.type, word, position));
      --depth_;
      return;  // its {{end}} is ours
    }
    if (type == TokenType::kIf || type == TokenType::kWith) unexpected(next(), "input");
    const NodePtr end = itemList(node.otherwise);
    if (end->type != Type::kEnd) fail("expected end; found " + end->str());
  }

  std::string templateName(const Token& token, std::string_view context,
                           std::string* quoted = nullptr) {
    if (token.type != TokenType::kString && token.type != TokenType::kRawString)
      unexpected(token, context);
    if (quoted) *quoted = token.text;
    return unquoteOrFail(token.text);
  }

  std::string unquoteOrFail(const std::string& text) {
    if (auto value = unquote(text)) return *value;
    fail("invalid syntax");
  }

  NodePtr templateAction(const Token& token) {
    auto node = make(Type::kTemplate, token.position);
    const Token& name = nextNonSpace();
    node->position = name.position;
    node->text = templateName(name, "template clause");
    node->quoted = base::quote(node->text);
    if (nextNonSpace().type != TokenType::kRightDelim) {
      backup();
      node->pipe = pipeline("template clause", TokenType::kRightDelim);
    }
    return node;
  }

  NodePtr block(const Token& token) {
    auto node = make(Type::kTemplate, token.position);
    const Token& name = nextNonSpace();
    node->position = name.position;
    node->text = templateName(name, "block clause");
    node->quoted = base::quote(node->text);
    node->pipe = pipeline("block clause", TokenType::kRightDelim);
    body(node->text, "block clause");
    return node;
  }

  void definition() {
    const std::string name = templateName(nextNonSpace(), "define clause");
    expect(TokenType::kRightDelim, "define clause");
    body(name, "define clause");
  }

  // Of define and block: a scope of its own.
  void body(const std::string& name, std::string_view context) {
    const std::vector<std::string> outer = std::exchange(variables_, {"$"});
    const int outerRange = std::exchange(range_depth_, 0);
    NodeList list;
    const NodePtr end = itemList(list);
    if (end->type != Type::kEnd) fail(fmt::format("unexpected {} in {}", end->str(), context));
    variables_ = outer;
    range_depth_ = outerRange;
    add(name, std::move(list));
  }

  void declarations(Node& pipe, std::string_view context) {
    for (;;) {
      if (peekNonSpace().type != TokenType::kVariable) return;
      const size_t start = at_;
      const std::string name = next().text;
      const Token& after = peekNonSpace();
      if (after.type == TokenType::kAssign || after.type == TokenType::kDeclare) {
        pipe.assigns = nextNonSpace().type == TokenType::kAssign;
        pipe.names.push_back(name);
        variables_.push_back(name);
        return;
      }
      if (after.type != TokenType::kChar || after.text != ",") {
        at_ = start;
        return;
      }
      nextNonSpace();
      pipe.names.push_back(name);
      variables_.push_back(name);
      if (context != "range" || pipe.names.size() >= 2)
        fail(fmt::format("too many declarations in {}", context));
      const TokenType type = peekNonSpace().type;
      if (type != TokenType::kVariable && type != TokenType::kRightDelim &&
          type != TokenType::kRightParen)
        fail("range can only initialize variables");
    }
  }

  NodePtr pipeline(std::string_view context, TokenType end) {
    if (++depth_ > kMaxDepth) fail("pipelines nest too deeply");
    auto pipe = make(Type::kPipe, peekNonSpace().position);
    declarations(*pipe, context);
    for (;;) {
      const Token& token = nextNonSpace();
      if (token.type == end) break;
      switch (token.type) {
        case TokenType::kBool:
        case TokenType::kCharConstant:
        case TokenType::kDot:
        case TokenType::kField:
        case TokenType::kIdentifier:
        case TokenType::kNumber:
        case TokenType::kNil:
        case TokenType::kRawString:
        case TokenType::kString:
        case TokenType::kVariable:
        case TokenType::kLeftParen:
          backup();
          pipe->children.push_back(command());
          break;
        default:
          unexpected(token, context);
      }
    }
    checkPipeline(*pipe, context);
    --depth_;
    return pipe;
  }

  void checkPipeline(const Node& pipe, std::string_view context) const {
    if (pipe.children.empty()) fail(fmt::format("missing value for {}", context));
    for (size_t i = 1; i < pipe.children.size(); ++i) {
      switch (pipe.children[i]->children.at(0)->type) {
        case Type::kBool:
        case Type::kDot:
        case Type::kNil:
        case Type::kNumber:
        case Type::kString:
          fail(fmt::format("non executable command in pipeline stage {}", i + 1));
        default:
          break;
      }
    }
  }

  NodePtr command() {
    auto node = make(Type::kCommand, peekNonSpace().position);
    for (;;) {
      peekNonSpace();
      if (auto part = operand()) node->children.push_back(std::move(part));
      const Token& token = next();
      if (token.type == TokenType::kSpace) continue;
      if (token.type == TokenType::kRightDelim || token.type == TokenType::kRightParen) {
        backup();
      } else if (token.type != TokenType::kPipe) {
        unexpected(token, "operand");
      }
      break;
    }
    if (node->children.empty()) fail("empty command");
    return node;
  }

  NodePtr operand() {
    auto node = term();
    if (!node || peek().type != TokenType::kField) return node;
    auto chain = make(Type::kChain, peek().position);
    while (peek().type == TokenType::kField) chain->names.push_back(next().text.substr(1));
    switch (node->type) {
      case Type::kField:
      case Type::kVariable:
        node->position = chain->position;
        node->names.insert(node->names.end(), chain->names.begin(), chain->names.end());
        return node;
      case Type::kBool:
      case Type::kString:
      case Type::kNumber:
      case Type::kNil:
      case Type::kDot:
        fail("unexpected . after term " + base::quote(node->str()));
      default:
        chain->pipe = std::move(node);
        return chain;
    }
  }

  void requireVariable(const std::string& name) const {
    if (std::find(variables_.begin(), variables_.end(), name) == variables_.end())
      fail("undefined variable " + base::quote(name));
  }

  // nullptr: no operand starts here.
  NodePtr term() {
    const Token& token = nextNonSpace();
    switch (token.type) {
      case TokenType::kIdentifier: {
        if (!isFunction(token.text))
          fail(fmt::format("function {} not defined", base::quote(token.text)));
        auto node = make(Type::kIdentifier, token.position);
        node->text = token.text;
        return node;
      }
      case TokenType::kDot:
        return make(Type::kDot, token.position);
      case TokenType::kNil:
        return make(Type::kNil, token.position);
      case TokenType::kVariable: {
        auto node = make(Type::kVariable, token.position);
        node->names = {token.text};
        requireVariable(token.text);
        return node;
      }
      case TokenType::kField: {
        auto node = make(Type::kField, token.position);
        node->names = {token.text.substr(1)};
        return node;
      }
      case TokenType::kBool: {
        auto node = make(Type::kBool, token.position);
        node->value = Data(token.text == "true");
        return node;
      }
      case TokenType::kCharConstant:
      case TokenType::kNumber:
        return number(token);
      case TokenType::kLeftParen:
        return pipeline("parenthesized pipeline", TokenType::kRightParen);
      case TokenType::kString:
      case TokenType::kRawString: {
        auto node = make(Type::kString, token.position);
        node->quoted = token.text;
        node->text = unquoteOrFail(token.text);
        return node;
      }
      default:
        backup();
        return nullptr;
    }
  }

  NodePtr number(const Token& token) {
    auto node = make(Type::kNumber, token.position);
    node->text = token.text;
    if (token.type == TokenType::kCharConstant) {
      const auto rune = unquoteChar(token.text);
      if (!rune) fail("malformed character constant: " + token.text);
      node->value = Data(static_cast<std::int64_t>(*rune));
      node->isInt = true;
      return node;
    }
    if (const auto value = parseInteger(token.text)) {
      node->value = Data(*value);
      node->isInt = true;
      return node;
    }
    std::string plain = token.text;
    std::erase(plain, '_');
    if (plain.starts_with('+')) plain.erase(0, 1);
    double value = 0;
    const auto [end, error] = std::from_chars(plain.data(), plain.data() + plain.size(), value);
    if (error != std::errc() || end != plain.data() + plain.size())
      fail("illegal number syntax: " + base::quote(token.text));
    if (plain.find_first_not_of("-0123456789") == plain.npos) {
      // An unsigned constant may stand in a template as long as it is not used; one beyond that may
      // not.
      if (plain.starts_with('-') || !base::parseUint(plain))
        fail("integer overflow: " + base::quote(token.text));
      node->overflows = true;
      return node;
    }
    // 1e3 is a constant of either kind and becomes an int where one is wanted; alone it is a float,
    // printed as 1000.
    node->isInt = value > -9e15 && value < 9e15 && value == std::trunc(value);
    node->value = Data(value);
    return node;
  }

  // Go's strconv.ParseInt(text, 0, 64).
  static std::optional<std::int64_t> parseInteger(std::string_view text) {
    std::string digits(text);
    std::erase(digits, '_');
    const bool negative = digits.starts_with('-');
    if (negative || digits.starts_with('+')) digits.erase(0, 1);
    int base = 10;
    if (digits.size() > 1 && digits[0] == '0') {
      const char mark = static_cast<char>(digits[1] | 0x20);
      base = mark == 'x' ? 16 : mark == 'b' ? 2 : 8;
      digits.erase(0, mark == 'x' || mark == 'b' || mark == 'o' ? 2 : 1);
    }
    std::uint64_t value = 0;
    const auto [end, error] =
        std::from_chars(digits.data(), digits.data() + digits.size(), value, base);
    if (error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
    if (value > (negative ? 1ull << 63 : (1ull << 63) - 1)) return std::nullopt;
    return static_cast<std::int64_t>(negative ? 0 - value : value);
  }

  std::vector<Token> tokens_;
  size_t at_ = 0;
  std::string name_;
  Tree& tree_;
  std::vector<std::string> variables_;
  int action_line_ = 0, range_depth_ = 0, depth_ = 0;
};

template <class List, class Text>
std::string joined(const List& list, std::string_view separator, Text text) {
  std::string out;
  for (const auto& element : list) {
    if (!out.empty()) out += separator;
    out += text(element);
  }
  return out;
}

std::string listText(const NodeList& list) {
  return joined(list, "", [](const auto& node) { return node->str(); });
}

std::string controlText(std::string_view word, const Node& node) {
  std::string out = fmt::format("{{{{{} {}}}}}{}", word, node.pipe->str(), listText(node.children));
  if (!node.otherwise.empty()) out += "{{else}}" + listText(node.otherwise);
  return out + "{{end}}";
}

}  // namespace

std::string Node::str() const {
  switch (type) {
    case Type::kText:
      return text;
    case Type::kAction:
      return "{{" + pipe->str() + "}}";
    case Type::kIf:
      return controlText("if", *this);
    case Type::kRange:
      return controlText("range", *this);
    case Type::kWith:
      return controlText("with", *this);
    case Type::kTemplate:
      return "{{template " + quoted + (pipe ? " " + pipe->str() : "") + "}}";
    case Type::kBreak:
      return "{{break}}";
    case Type::kContinue:
      return "{{continue}}";
    case Type::kEnd:
      return "{{end}}";
    case Type::kElse:
      return "{{else}}";
    case Type::kPipe: {
      std::string out = joined(names, ", ", [](const std::string& name) { return name; });
      if (!out.empty()) out += assigns ? " = " : " := ";
      return out + joined(children, " | ", [](const auto& child) { return child->str(); });
    }
    case Type::kCommand:
      return joined(children, " ", [](const auto& child) {
        return child->type == Type::kPipe ? "(" + child->str() + ")" : child->str();
      });
    case Type::kField:
      return "." + joined(names, ".", [](const std::string& name) { return name; });
    case Type::kVariable:
      return joined(names, ".", [](const std::string& name) { return name; });
    case Type::kChain:
      return (pipe->type == Type::kPipe ? "(" + pipe->str() + ")" : pipe->str()) + "." +
             joined(names, ".", [](const std::string& name) { return name; });
    case Type::kIdentifier:
    case Type::kNumber:
      return text;
    case Type::kString:
      return quoted;
    case Type::kBool:
      return value.asBool() ? "true" : "false";
    case Type::kNil:
      return "nil";
    case Type::kDot:
      return ".";
  }
  return "";
}

std::shared_ptr<const Tree> parseTree(std::string_view text, std::string_view name) {
  auto tree = std::make_shared<Tree>();
  tree->name = name;
  tree->source = text;
  Parser(text, name, *tree).run();
  return tree;
}

}  // namespace gotemplate
