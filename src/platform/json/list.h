// Go's slices and maps: empty they are either nil, written as null, or not, written as [] or {}.
// Docker stores what a client gave and shows it again, so both must survive. Use plain std::vector
// and std::map where only one occurs.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "platform/json/json.h"

namespace json {

// A vector that remembers, while it is empty, whether it is nil. Made or assigned from a vector it
// is not nil.
template <class T>
struct List : std::vector<T> {
  List() = default;
  List(std::vector<T> other) : std::vector<T>(std::move(other)), given(true) {}
  List(std::initializer_list<T> list) : std::vector<T>(list), given(true) {}
  bool isNil() const { return this->empty() && !given; }

  bool given = false;
};

template <class T>
struct Map : std::map<std::string, T> {
  using Base = std::map<std::string, T>;
  Map() = default;
  Map(Base other) : Base(std::move(other)), given(true) {}
  Map(std::initializer_list<typename Base::value_type> list) : Base(list), given(true) {}
  bool isNil() const { return this->empty() && !given; }

  bool given = false;
};

// Go's map[string]struct{}: {"80/tcp":{}}.
struct Set : std::set<std::string> {
  Set() = default;
  Set(std::initializer_list<std::string> list) : std::set<std::string>(list), given(true) {}
  bool isNil() const { return this->empty() && !given; }

  bool given = false;
};
void jsonRead(Reader& reader, Set& target);
void jsonWrite(Writer& writer, const Set& value);
inline bool jsonEmpty(const Set& value) {
  return value.empty();
}

namespace impl {

template <class Container, class Base, void (Writer::*nil)()>
struct GoContainerKind {
  static void read(Reader& reader, Container& target) {
    const bool null = reader.peek() == Reader::Kind::kNull;
    Codec<Base>::ops().read(reader, static_cast<Base*>(&target));
    target.given = !null;
  }
  static void write(Writer& writer, const Container& value) {
    if (value.isNil()) return (writer.*nil)();
    Codec<Base>::ops().write(writer, static_cast<const Base*>(&value));
  }
  static bool empty(const Container& value) { return value.empty(); }
  static bool zero(const Container& value) { return value.empty(); }
  static std::string goType() { return Codec<Base>::ops().goType(); }
};
template <class T>
struct Kind<List<T>> : GoContainerKind<List<T>, std::vector<T>, &Writer::nilList> {};
template <class T>
struct Kind<Map<T>> : GoContainerKind<Map<T>, std::map<std::string, T>, &Writer::nilMap> {};

}  // namespace impl

JSON_TYPE_EXTERN(List<std::string>);
JSON_TYPE_EXTERN(Map<std::string>);
JSON_TYPE_EXTERN(Set);
JSON_TYPE_EXTERN(std::vector<std::vector<std::string>>);
JSON_TYPE_EXTERN(List<std::vector<std::string>>);

}  // namespace json
