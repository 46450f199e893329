// The vocabulary of field tables, and what the tables become: one array of plain descriptors a
// struct, walked by code that is compiled once. Nothing here is a template over whole structs, so a
// table of sixty fields costs little.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace json {

class Reader;
class Writer;
struct StructInfo;

enum Flags : unsigned {
  kNone = 0,
  // Go's omitempty: false, 0, "", absent pointer, empty list or map; never a struct.
  kOmitEmpty = 1,
  // An empty list or map is written as null (Go's nil) instead of [] or {}.
  kNullIfEmpty = 2,
  // For base::Time and structs of strings and numbers: left out when all of it is zero.
  kOmitZero = 4,
  // For templates only (writer.h's Recorder): nanoseconds that are a time.Duration in Go and print
  // as "1m30s", and a map whose key type has a name in Go, so that no plain string indexes it.
  kDuration = 8,
  kNamedKeys = 16,
};
constexpr Flags operator|(Flags a, Flags b) {
  return static_cast<Flags>(static_cast<unsigned>(a) | static_cast<unsigned>(b));
}

// What a member's type can do, without its type. `read` and `write` get the member's address.
struct Ops {
  void (*read)(Reader&, void*);
  void (*write)(Writer&, const void*);
  bool (*empty)(const void*);         // omitempty's sense
  bool (*zero)(const void*);          // omitzero's sense
  std::string (*goType)();            // "int64", "[]string": for error texts
  const StructInfo& (*structInfo)();  // null unless the type has a field table
};

// The operations of T. A struct that is used in many files keeps its table in one: put
// JSON_TYPE_EXTERN(ns::T) after the struct in the header, and its jsonFields and JSON_TYPE(ns::T)
// into one .cc.
template <class T>
struct Codec {
  static const Ops& ops();
};

#define JSON_TYPE_EXTERN(...) extern template struct json::Codec<__VA_ARGS__>
#define JSON_TYPE(...) template struct json::Codec<__VA_ARGS__>

// One line of a table. Offsets are known only at run time: C++ has no constexpr way from a member
// pointer to one.
struct FieldInfo {
  enum class Kind : unsigned char { kMember, kInlined, kRest, kName };
  const char* name = "";
  std::ptrdiff_t offset = 0;
  const Ops& (*ops)() = nullptr;
  Flags flags = kNone;
  Kind kind = Kind::kMember;
};

template <class T, class M>
constexpr std::ptrdiff_t offsetOf(M T::*member) {
  static_assert(sizeof(member) == sizeof(std::ptrdiff_t), "Itanium C++ ABI");
  if (std::is_constant_evaluated())
    return 0;  // such a table is never used: impl builds its own at run time
  return std::bit_cast<std::ptrdiff_t>(member);
}

template <class T, class M>
constexpr FieldInfo field(const char* name, M T::*member, Flags flags = kNone) {
  return {name, offsetOf(member), &Codec<M>::ops, flags, FieldInfo::Kind::kMember};
}

// Go's embedded struct: its fields are read and written as ours; ours win over its fields of the
// same name.
template <class T, class M>
constexpr FieldInfo inlined(M T::*member) {
  return {"", offsetOf(member), &Codec<M>::ops, kNone, FieldInfo::Kind::kInlined};
}

// Keys that no other line of the table knows, with their verbatim values, in the order read. They
// are written last.
using Extra = std::vector<std::pair<std::string, std::string>>;
template <class T>
constexpr FieldInfo rest(Extra T::*member) {
  return {"", offsetOf(member), nullptr, kNone, FieldInfo::Kind::kRest};
}

// Go's name of the type ("container.HostConfig") where error texts shall not show the C++ one.
constexpr FieldInfo goName(const char* name) {
  return {name, 0, nullptr, kNone, FieldInfo::Kind::kName};
}

template <class... F>
constexpr std::array<FieldInfo, sizeof...(F)> fields(const F&... line) {
  return {line...};
}

// What jsonEnum(const E*) returns:
//   constexpr auto jsonEnum(const Color*) { return json::names<Color>({{Color::kRed, "red"}, …}); }
template <class E, std::size_t N>
struct EnumNames {
  std::array<std::pair<E, const char*>, N> names;
};
template <class E, std::size_t N>
constexpr EnumNames<E, N> names(const std::pair<E, const char*> (&list)[N]) {
  EnumNames<E, N> result{};
  for (std::size_t i = 0; i < N; ++i) {
    result.names[i].first = list[i].first;
    result.names[i].second = list[i].second;
  }
  return result;
}

}  // namespace json
