// JSON <-> structs by one field table a struct, with the rules of Go's encoding/json, since Go
// clients read it: keys match without case, unknown keys are ignored, null counts as absent, maps
// are sorted, 64-bit integers are exact, field order is the table's, HTML is not escaped unless
// asked.
//
//   struct Mount { std::string type; std::optional<bool> readOnly; Bind bind; };
//   constexpr auto jsonFields(const Mount*) {
//     return json::fields(json::field("Type", &Mount::type, json::kOmitEmpty),
//                         json::field("ReadOnly", &Mount::readOnly, json::kOmitEmpty),
//                         json::inlined(&Mount::bind));          // Go's embedded struct: its keys
//                         are ours
//   }
//   const auto mount = json::parse<Mount>(text);   std::string text = json::write(mount);
//
// jsonFields is found by argument-dependent lookup. Members may be: bool, integers, double,
// std::string, base::Time (RFC 3339), base::Digest, enums with jsonEnum(), std::optional<T> (a Go
// pointer: null when absent), std::vector<T>, std::map<std::string, T>,
// std::unique_ptr/shared_ptr<T> (a pointer, for recursive types), std::array, other structs with a
// table, json::Raw, json::Value. A type of its own kind provides `void jsonRead(json::Reader&, T&)`
// and `void jsonWrite(json::Writer&, const T&)` by the same lookup, and `bool jsonEmpty(const T&)`
// if kOmitEmpty shall leave it out. Reading a key twice merges into what is there, as Go does:
// scalars and lists are replaced, structs and maps filled further.
//
// A struct used in many files: JSON_TYPE_EXTERN(ns::T); after it in the header, jsonFields and
// JSON_TYPE(ns::T); in one .cc (fields.h). Its users then compile nothing of the table.
#pragma once

#include <string>
#include <string_view>

#include "platform/json/fields.h"
#include "platform/json/reader.h"
#include "platform/json/value.h"
#include "platform/json/writer.h"

namespace json {

// Error kInvalidArgument in Go's words: "invalid character 'x' looking for beginning of value",
// "unexpected end of JSON input", "json: cannot unmarshal string into Go struct field
// HostConfig.HostConfig.Memory of type int64" (innermost struct, then the path from the root).
template <class T>
T parse(std::string_view text, const ReadOptions& options = {});
template <class T>
void parseInto(std::string_view text, T& target, const ReadOptions& options = {});

template <class T>
std::string write(const T& value, const WriteOptions& options = {});

// Tells `recorder` (writer.h) what the value consists of.
template <class T>
void record(const T& value, Recorder& recorder);

}  // namespace json

#include "platform/json/json_impl.h"
