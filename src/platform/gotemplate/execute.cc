#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "platform/base/error.h"
#include "platform/base/strings.h"
#include "platform/gotemplate/functions.h"
#include "platform/gotemplate/gotemplate.h"
#include "platform/gotemplate/tree.h"

namespace gotemplate {

namespace {

using Type = Node::Type;
using Kind = Data::Kind;
using Operands = std::span<const std::unique_ptr<Node>>;

constexpr int kMaxTemplateDepth = 1000;
constexpr std::int64_t kMaxRange = 100'000'000;

enum class Flow { kNext, kBreak, kContinue };

// One execution of one template. What the last at() named is where an error is said to be.
class Executor {
 public:
  Executor(const Tree& tree, const ExecuteOptions& options, std::string& out)
      : tree_(tree), options_(options), out_(out) {}

  void run(const Data& data) {
    variables_.push_back({"$", data});
    walkList(data, tree_.definitions.find(tree_.name)->second);
  }

 private:
  struct Variable {
    std::string name;
    Data value;
  };

  void at(const Node& node) { node_ = &node; }

  template <class... Args>
  [[noreturn]] void fail(fmt::format_string<Args...> format, Args&&... args) const {
    failWith(fmt::format(format, std::forward<Args>(args)...));
  }
  [[noreturn]] void failWith(const std::string& message) const {
    const std::string_view before =
        std::string_view(tree_.source).substr(0, node_ ? node_->position : 0);
    const size_t newline = before.rfind('\n');
    const size_t column = newline == before.npos ? before.size() : before.size() - newline - 1;
    const auto line = std::count(before.begin(), before.end(), '\n') + 1;
    base::fail(base::Code::kInvalidArgument, "template: {}:{}:{}: executing {} at <{}>: {}",
               tree_.name, line, column, base::quote(current_), node_ ? node_->str() : "", message);
  }

  Flow walkList(const Data& dot, const NodeList& list) {
    for (const auto& node : list)
      if (const Flow flow = walk(dot, *node); flow != Flow::kNext) return flow;
    return Flow::kNext;
  }

  Flow walk(const Data& dot, const Node& node) {
    at(node);
    switch (node.type) {
      case Type::kText:
        out_ += node.text;
        break;
      case Type::kAction: {
        const Data value = evalPipeline(dot, *node.pipe);
        if (node.pipe->names.empty()) {
          at(node);
          print(value);
        }
        break;
      }
      case Type::kIf:
      case Type::kWith:
        return walkIfOrWith(dot, node);
      case Type::kRange:
        return walkRange(dot, node);
      case Type::kTemplate:
        walkTemplate(dot, node);
        break;
      case Type::kBreak:
        return Flow::kBreak;
      case Type::kContinue:
        return Flow::kContinue;
      default:
        fail("unknown node: {}", node.str());
    }
    return Flow::kNext;
  }

  // A null of unknown type is no value once it is alone; inside a list or map it is <nil>.
  void print(const Data& value) {
    out_ += value.kind() == Kind::kNull ? "<no value>" : value.print();
  }

  Flow walkIfOrWith(const Data& dot, const Node& node) {
    const size_t scope = variables_.size();
    const Data value = evalPipeline(dot, *node.pipe);
    Flow flow = Flow::kNext;
    if (value.truth()) {
      flow = walkList(node.type == Type::kWith ? value : dot, node.children);
    } else {
      flow = walkList(dot, node.otherwise);
    }
    variables_.resize(scope);
    return flow;
  }

  Flow walkRange(const Data& dot, const Node& node) {
    const size_t scope = variables_.size();
    const Data value = evalPipeline(dot, *node.pipe);
    const size_t inner = variables_.size();
    const Node& pipe = *node.pipe;
    bool any = false;
    // False: the loop was left.
    const auto turn = [&](const Data& key, const Data& element) {
      any = true;
      if (!pipe.names.empty()) {
        setLoopVariable(pipe, 0, pipe.names.size() > 1 ? key : element);
        if (pipe.names.size() > 1) setLoopVariable(pipe, 1, element);
      }
      const Flow flow = walkList(element, node.children);
      variables_.resize(inner);
      return flow != Flow::kBreak;
    };
    switch (value.kind()) {
      case Kind::kList: {
        std::int64_t i = 0;
        for (const Data& element : value.elements())
          if (!turn(Data(i++), element)) break;
        break;
      }
      case Kind::kMap:
        for (const Data::Member& member : value.members())
          if (!turn(value.keyOf(member), member.value)) break;
        break;
      case Kind::kInt:
        if (value.isInterface()) fail("range can't iterate over {}", value.print());
        if (pipe.names.size() > 1)
          fail("can't use {} to iterate over more than one variable", value.print());
        if (value.asInt() > kMaxRange) fail("range over {} takes too long", value.print());
        for (std::int64_t i = 0; i < value.asInt(); ++i)
          if (!turn(Data(i), Data(i))) break;
        break;
      case Kind::kNone:
      case Kind::kNull:
      case Kind::kNil:
        break;
      default:
        fail("range can't iterate over {}", value.print());
    }
    Flow flow = Flow::kNext;
    if (!any) flow = walkList(dot, node.otherwise);
    variables_.resize(scope);
    return flow;
  }

  void setLoopVariable(const Node& pipe, size_t index, const Data& value) {
    if (pipe.assigns) {
      assign(pipe.names[index], value);
      return;
    }
    // Declared by the pipeline with the whole list; the body gets its own.
    for (size_t i = variables_.size(); i-- > 0;) {
      if (variables_[i].name != pipe.names[index]) continue;
      variables_[i].value = value;
      return;
    }
  }

  void walkTemplate(const Data& dot, const Node& node) {
    const auto found = tree_.definitions.find(node.text);
    if (found == tree_.definitions.end()) fail("template {} not defined", base::quote(node.text));
    if (++depth_ == kMaxTemplateDepth)
      fail("exceeded maximum template depth ({})", kMaxTemplateDepth);
    const Data argument = node.pipe ? evalPipeline(dot, *node.pipe) : Data();
    const std::vector<Variable> outer = std::exchange(variables_, {{"$", argument}});
    const std::string caller = std::exchange(current_, node.text);
    walkList(argument, found->second);
    current_ = caller;
    variables_ = outer;
    --depth_;
  }

  void assign(const std::string& name, const Data& value) {
    for (size_t i = variables_.size(); i-- > 0;) {
      if (variables_[i].name != name) continue;
      variables_[i].value = value;
      return;
    }
    fail("undefined variable: {}", name);
  }

  const Data& variable(const std::string& name) const {
    for (size_t i = variables_.size(); i-- > 0;)
      if (variables_[i].name == name) return variables_[i].value;
    fail("undefined variable: {}", name);
  }

  Data evalPipeline(const Data& dot, const Node& pipe) {
    at(pipe);
    std::optional<Data> value;
    for (const auto& command : pipe.children) value = evalCommand(dot, *command, value);
    for (const std::string& name : pipe.names) {
      if (pipe.assigns) {
        assign(name, *value);
      } else {
        variables_.push_back({name, *value});
      }
    }
    return value.value_or(Data());
  }

  // `final`: what the stage before gave, as the last argument.
  Data evalCommand(const Data& dot, const Node& command, const std::optional<Data>& final) {
    const Node& first = *command.children.at(0);
    const Operands operands = command.children;
    switch (first.type) {
      case Type::kField:
        return evalField(dot, first, operands, final);
      case Type::kChain:
        return evalChain(dot, first, operands, final);
      case Type::kVariable:
        return evalVariable(dot, first, operands, final);
      case Type::kIdentifier:
        return evalFunction(dot, first, command, operands, final);
      case Type::kPipe:
        refuseArguments(operands, final);
        return evalPipeline(dot, first);
      default:
        break;
    }
    at(first);
    refuseArguments(operands, final);
    if (first.overflows) fail("{} overflows int", first.text);
    switch (first.type) {
      case Type::kDot:
        return dot;
      case Type::kNil:
        fail("nil is not a command");
      case Type::kBool:
      case Type::kNumber:
        return first.value;
      case Type::kString:
        return Data(first.text);
      default:
        fail("can't evaluate command {}", base::quote(first.str()));
    }
  }

  void refuseArguments(Operands operands, const std::optional<Data>& final) const {
    if (operands.size() > 1 || final)
      fail("can't give argument to non-function {}", operands[0]->str());
  }

  Data evalField(const Data& dot, const Node& node, Operands operands,
                 const std::optional<Data>& final) {
    at(node);
    return evalFieldChain(dot, dot, node, node.names, operands, final);
  }

  Data evalChain(const Data& dot, const Node& node, Operands operands,
                 const std::optional<Data>& final) {
    at(node);
    if (node.pipe->type == Type::kNil) fail("indirection through explicit nil in {}", node.str());
    const Data receiver = evalArgument(dot, Parameter::kAny, *node.pipe);
    return evalFieldChain(dot, receiver, node, node.names, operands, final);
  }

  Data evalVariable(const Data& dot, const Node& node, Operands operands,
                    const std::optional<Data>& final) {
    at(node);
    const Data value = variable(node.names[0]);
    if (node.names.size() == 1) {
      refuseArguments(operands, final);
      return value;
    }
    return evalFieldChain(dot, value, node, std::span(node.names).subspan(1), operands, final);
  }

  Data evalFieldChain(const Data& dot, Data receiver, const Node& node,
                      std::span<const std::string> names, Operands operands,
                      const std::optional<Data>& final) {
    for (size_t i = 0; i + 1 < names.size(); ++i)
      receiver = evalOneField(dot, receiver, node, names[i], {}, std::nullopt);
    return evalOneField(dot, receiver, node, names.back(), operands, final);
  }

  Data evalOneField(const Data& dot, const Data& receiver, const Node& node,
                    const std::string& name, Operands operands, const std::optional<Data>& final) {
    if (receiver.kind() == Kind::kNone) {
      if (options_.missingKeyIsError) fail("nil data; no entry for key {}", base::quote(name));
      return Data();
    }
    if (receiver.kind() == Kind::kNull || receiver.kind() == Kind::kNil)
      fail("nil pointer evaluating {}.{}", receiver.goType(), name);
    if (const StructType* type = receiver.structType()) {
      const auto method = type->methods.find(name);
      if (method != type->methods.end())
        return callMethod(dot, receiver, node, method->second, name, operands, final);
    }
    const bool hasArguments = operands.size() > 1 || final;
    if (receiver.kind() == Kind::kStruct) {
      if (const Data* field = receiver.find(name)) {
        if (hasArguments) fail("{} has arguments but cannot be invoked as function", name);
        return *field;
      }
    } else if (receiver.kind() == Kind::kMap) {
      if (hasArguments) fail("{} is not a method but has arguments", name);
      if (const Data* field = receiver.find(name)) return *field;
      if (options_.missingKeyIsError) fail("map has no entry for key {}", base::quote(name));
      return Data();
    }
    fail("can't evaluate field {} in type {}", name,
         receiver.isInterface() ? "interface {}" : receiver.goType());
  }

  Data callMethod(const Data& dot, const Data& receiver, const Node& node, const Method& method,
                  const std::string& name, Operands operands, const std::optional<Data>& final) {
    const Operands given = operands.subspan(std::min<size_t>(1, operands.size()));
    const size_t count = given.size() + (final ? 1 : 0);
    if (count != method.parameters.size())
      fail("wrong number of args for {}: want {} got {}", name, method.parameters.size(), count);
    std::vector<Data> arguments;
    for (size_t i = 0; i < given.size(); ++i)
      arguments.push_back(evalArgument(dot, method.parameters[i], *given[i]));
    if (final) arguments.push_back(validate(*final, method.parameters.back()));
    try {
      return method.call(receiver, arguments);
    } catch (const base::Error& error) {
      at(node);
      fail("error calling {}: {}", name, error.message());
    }
  }

  Data evalFunction(const Data& dot, const Node& node, const Node& command, Operands operands,
                    const std::optional<Data>& final) {
    at(node);
    const Function* function = findFunction(node.text);
    if (!function) fail("{} is not a defined function", base::quote(node.text));
    if (options_.headerFunctions && isHeaderFunction(node.text))
      return headerCall(dot, node, operands, final);
    const Operands given = operands.subspan(std::min<size_t>(1, operands.size()));
    checkCount(*function, given.size() + (final ? 1 : 0));
    if (function->shortCircuits) return evalAndOr(dot, *function, given, final);
    std::vector<Data> arguments;
    for (size_t i = 0; i < given.size(); ++i)
      arguments.push_back(evalArgument(dot, parameterOf(*function, i), *given[i]));
    if (final) arguments.push_back(validate(*final, parameterOf(*function, given.size())));
    if (function->name == "call" && !given.empty()) callNothing(command, *given[0], arguments[0]);
    try {
      return function->call(arguments);
    } catch (const base::Error& error) {
      at(command);
      fail("error calling {}: {}", function->name, error.message());
    }
  }

  [[noreturn]] void callNothing(const Node& command, const Node& argument, const Data& value) {
    at(command);
    if (value.kind() == Kind::kNone || value.isNil()) fail("error calling call: call of nil");
    fail("error calling call: non-function {} of type {}", argument.str(), value.goType());
  }

  static bool isHeaderFunction(std::string_view name) {
    constexpr std::string_view kNames[] = {"json",  "split", "join",    "title",
                                           "lower", "upper", "truncate"};
    return std::find(std::begin(kNames), std::end(kNames), name) != std::end(kNames);
  }

  Data headerCall(const Data& dot, const Node& node, Operands operands,
                  const std::optional<Data>& final) {
    std::vector<Data> arguments;
    for (size_t i = 1; i < operands.size(); ++i)
      arguments.push_back(evalArgument(dot, Parameter::kAny, *operands[i]));
    if (final) arguments.push_back(*final);
    at(node);
    if (arguments.empty()) fail("wrong number of args for {}: want 1 got 0", node.text);
    return validate(arguments[0], Parameter::kString);
  }

  void checkCount(const Function& function, size_t count) const {
    const size_t fixed = function.parameters.size() - (function.variadic ? 1 : 0);
    if (function.variadic && count < fixed)
      fail("wrong number of args for {}: want at least {} got {}", function.name, fixed, count);
    if (!function.variadic && count != fixed)
      fail("wrong number of args for {}: want {} got {}", function.name, fixed, count);
  }

  static Parameter parameterOf(const Function& function, size_t index) {
    return function.parameters[std::min(index, function.parameters.size() - 1)];
  }

  Data evalAndOr(const Data& dot, const Function& function, Operands given,
                 const std::optional<Data>& final) {
    const bool stopsAt = function.name == "or";
    Data value;
    for (const auto& operand : given) {
      value = evalArgument(dot, Parameter::kAny, *operand);
      if (value.truth() == stopsAt) return value;
    }
    return final ? *final : value;
  }

  const Data& validate(const Data& value, Parameter parameter) const {
    if (parameter == Parameter::kAny) return value;
    const bool fits =
        (parameter == Parameter::kString && value.kind() == Kind::kString && !value.structType()) ||
        (parameter == Parameter::kInt && value.kind() == Kind::kInt && !value.isInterface()) ||
        (parameter == Parameter::kStrings && isStrings(value));
    if (fits) return value;
    if (value.kind() == Kind::kNone || value.kind() == Kind::kNull)
      fail("invalid value; expected {}", goName(parameter));
    fail("wrong type for value; expected {}; got {}", goName(parameter), value.goType());
  }

  static bool isStrings(const Data& value) {
    if (value.kind() != Kind::kList || value.isInterface()) return false;
    return std::all_of(value.elements().begin(), value.elements().end(),
                       [](const Data& element) { return element.kind() == Kind::kString; });
  }

  Data evalArgument(const Data& dot, Parameter parameter, const Node& node) {
    at(node);
    switch (node.type) {
      case Type::kDot:
        return validate(dot, parameter);
      case Type::kNil:
        if (parameter == Parameter::kAny || parameter == Parameter::kStrings) return Data();
        fail("cannot assign nil to {}", goName(parameter));
      case Type::kField:
        return validate(evalField(dot, node, {}, std::nullopt), parameter);
      case Type::kVariable:
        return validate(evalVariable(dot, node, {}, std::nullopt), parameter);
      case Type::kPipe:
        return validate(evalPipeline(dot, node), parameter);
      case Type::kIdentifier:
        return validate(evalFunction(dot, node, node, {}, std::nullopt), parameter);
      case Type::kChain:
        return validate(evalChain(dot, node, {}, std::nullopt), parameter);
      default:
        return evalConstant(parameter, node);
    }
  }

  Data evalConstant(Parameter parameter, const Node& node) const {
    if (node.overflows) fail("{} overflows int", node.text);
    switch (parameter) {
      case Parameter::kAny:
        return node.type == Type::kString ? Data(node.text) : node.value;
      case Parameter::kString:
        if (node.type == Type::kString) return Data(node.text);
        fail("expected string; found {}", node.str());
      case Parameter::kInt:
        if (node.type == Type::kNumber && node.isInt)
          return node.value.kind() == Kind::kInt
                     ? node.value
                     : Data(static_cast<std::int64_t>(node.value.asFloat()));
        fail("expected integer; found {}", node.str());
      case Parameter::kStrings:
        fail("can't handle {} for arg of type {}", node.str(), goName(parameter));
    }
    return Data();
  }

  const Tree& tree_;
  const ExecuteOptions& options_;
  std::string& out_;
  std::string current_ = tree_.name;
  std::vector<Variable> variables_;
  const Node* node_ = nullptr;
  int depth_ = 0;
};

}  // namespace

Template Template::parse(std::string_view text, std::string_view name) {
  return Template(parseTree(text, name));
}

std::string Template::execute(const Data& data, const ExecuteOptions& options) const {
  std::string out;
  executeTo(out, data, options);
  return out;
}

void Template::executeTo(std::string& out, const Data& data, const ExecuteOptions& options) const {
  Executor(*tree_, options, out).run(data);
}

}  // namespace gotemplate
