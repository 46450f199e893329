// Go's text/template, as docker's --format and log tags use it: actions, pipelines, variables,
// if/with/range with else, break and continue, define/template/block, trim markers, comments, the
// built-in functions, and docker's json, join, lower, pad, split, title, truncate, upper. Error
// texts are Go's.
//
//   const Template t = Template::parse("{{.Name}}: {{join .Cmd \" \"}}");
//   std::string text = t.execute(Data::of(container));
//
// Not here: complex numbers, method values, user-defined delimiters.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "platform/gotemplate/data.h"

namespace gotemplate {

struct ExecuteOptions {
  // A map without the asked key is an error ("map has no entry for key") instead of "<no value>".
  bool missingKeyIsError = false;
  // Docker's table headers: json, lower, upper, title, truncate, split and join give their first
  // argument back.
  bool headerFunctions = false;
};

struct Tree;

class Template {
 public:
  // Error kInvalidArgument: "template: NAME:LINE: …".
  static Template parse(std::string_view text, std::string_view name = "");

  // Error kInvalidArgument: "template: NAME:LINE:COLUMN: executing NAME at <…>: …".
  std::string execute(const Data& data, const ExecuteOptions& options = {}) const;
  // Appends; what was written before an error stays in `out`.
  void executeTo(std::string& out, const Data& data, const ExecuteOptions& options = {}) const;

 private:
  explicit Template(std::shared_ptr<const Tree> tree) : tree_(std::move(tree)) {}
  std::shared_ptr<const Tree> tree_;
};

}  // namespace gotemplate
