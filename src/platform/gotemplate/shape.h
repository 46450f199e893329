// The Go structs behind JSON objects, where they differ: templates use Go's names of fields, reach
// through embedded structs, and call methods. JSON's side stays as it was.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "platform/gotemplate/data.h"

namespace gotemplate {

// What one struct type differs in. Members are named as in JSON, except in `types`.
struct Shape {
  struct Name {
    const char* json;
    const char* go;
  };
  // The members from `first` to `last` are those of an embedded struct.
  struct Embedded {
    const char* go;
    const char* first;
    const char* last;
  };
  struct Typed {
    const char* member;
    const StructType* type;  // of the string, or of the map's keys
  };

  const char* typeName = nullptr;       // in error texts, where it is not the struct's own name
  std::vector<const char*> order = {};  // Go's members in Go's order; others are dropped
  bool omitEmpty = false;               // all of them are left out of JSON when empty
  std::vector<Name> names = {};
  std::vector<Embedded> embedded = {};
  std::vector<const char*> times = {};     // RFC 3339 in JSON, time.Time in Go
  std::vector<const char*> nilLists = {};  // null in JSON, a nil slice in Go
  std::vector<const char*> nilMaps = {};
  std::vector<Typed> types = {};
  const StructType* methods = nullptr;
};

// By the names of the types, as json::goName() gives them.
using Shapes = std::map<std::string_view, Shape>;

// `data` and all below it, each struct in the shape of its type.
Data reshape(const Data& data, const Shapes& shapes);

}  // namespace gotemplate
