// Part of json.h: from C++ types to the descriptors of fields.h.
#pragma once

#include <array>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <vector>

#include "platform/base/digest.h"
#include "platform/base/error.h"
#include "platform/base/time.h"
#include "platform/json/fields.h"
#include "platform/json/reader.h"
#include "platform/json/value.h"
#include "platform/json/writer.h"

namespace json {

// A table made ready: inlined structs are flattened, keys are escaped.
struct StructInfo {
  struct Line {
    std::string_view name;
    std::string key;  // `"Name":`
    std::ptrdiff_t offset;
    const Ops* ops;
    Flags flags;
  };
  std::string goName;      // container.HostConfig
  std::string structName;  // HostConfig
  std::vector<Line> lines;
  std::ptrdiff_t rest = -1;  // offset of the Extra, if any

  const Line* find(std::string_view key, size_t hint) const noexcept;
};

namespace impl {

StructInfo makeStructInfo(std::string_view prettyName, const FieldInfo* lines, size_t count);
void readText(std::string_view text, void* target, const Ops& ops, const ReadOptions& options);
std::string writeText(const void* value, const Ops& ops, const WriteOptions& options);
void readTime(Reader& reader, base::Time& target);
void readDigest(Reader& reader, base::Digest& target);
// True: the next value is of that kind. Else it was null, or is skipped with a type error kept.
bool startList(Reader& reader, Reader::Kind wanted, std::string (*goType)());

template <class T>
constexpr std::string_view prettyName() {
  return __PRETTY_FUNCTION__;  // "... [T = ns::Name]"
}

template <class T>
const StructInfo& structInfoOf() {
  static const StructInfo info = [] {
    auto lines = jsonFields(static_cast<const T*>(nullptr));
    return makeStructInfo(prettyName<T>(), lines.data(), lines.size());
  }();
  return info;
}

template <class T>
concept HasFields = requires { jsonFields(static_cast<const T*>(nullptr)); };
template <class T>
concept HasEnum = std::is_enum_v<T> && requires { jsonEnum(static_cast<const T*>(nullptr)); };
template <class T>
concept HasCustom = requires(Reader& reader, Writer& writer, T& target, const T& value) {
  jsonRead(reader, target);
  jsonWrite(writer, value);
};
template <class T>
concept HasEmpty = HasCustom<T> && requires(const T& value) {
  { jsonEmpty(value) } -> std::convertible_to<bool>;
};

template <class T>
constexpr const char* integerName() {
  if constexpr (std::is_same_v<T, int>) return "int";
  if constexpr (std::is_same_v<T, unsigned>) return "uint";
  constexpr const char* kSigned[] = {"int8", "int16", "int32", "int64"};
  constexpr const char* kUnsigned[] = {"uint8", "uint16", "uint32", "uint64"};
  constexpr int kIndex = sizeof(T) == 1 ? 0 : sizeof(T) == 2 ? 1 : sizeof(T) == 4 ? 2 : 3;
  return std::is_signed_v<T> ? kSigned[kIndex] : kUnsigned[kIndex];
}

// How one type is read and written; the primary template serves scalars, structs, enums and custom
// types.
template <class T>
struct Kind {
  static void read(Reader& reader, T& target) {
    if constexpr (HasCustom<T>) {
      jsonRead(reader, target);
    } else if constexpr (HasEnum<T>) {
      std::string text;
      if (!reader.readString(text, goType())) return;
      for (const auto& [value, name] : jsonEnum(static_cast<const T*>(nullptr)).names) {
        if (text == name) {
          target = value;
          return;
        }
      }
      reader.keepError("invalid value " + quote(text));
    } else if constexpr (std::is_same_v<T, bool>) {
      reader.readBool(target);
    } else if constexpr (std::is_same_v<T, std::string>) {
      reader.readString(target);
    } else if constexpr (std::is_same_v<T, base::Time>) {
      readTime(reader, target);
    } else if constexpr (std::is_same_v<T, base::Digest>) {
      readDigest(reader, target);
    } else if constexpr (std::is_floating_point_v<T>) {
      double value = 0;
      if (reader.readDouble(value)) target = static_cast<T>(value);
    } else if constexpr (std::is_integral_v<T> && std::is_signed_v<T>) {
      std::int64_t value = 0;
      if (reader.readInt(value, std::numeric_limits<T>::min(), std::numeric_limits<T>::max(),
                         integerName<T>()))
        target = static_cast<T>(value);
    } else if constexpr (std::is_integral_v<T>) {
      std::uint64_t value = 0;
      if (reader.readUint(value, std::numeric_limits<T>::max(), integerName<T>()))
        target = static_cast<T>(value);
    } else {
      static_assert(HasFields<T>, "a type in JSON needs jsonFields, jsonEnum, or jsonRead/Write");
      reader.readStruct(&target, structInfoOf<T>());
    }
  }

  static void write(Writer& writer, const T& value) {
    if constexpr (HasCustom<T>) {
      jsonWrite(writer, value);
    } else if constexpr (HasEnum<T>) {
      for (const auto& [known, name] : jsonEnum(static_cast<const T*>(nullptr)).names)
        if (value == known) return writer.string(name);
      base::fail(base::Code::kInternal, "json: enum value without a name");
    } else if constexpr (std::is_same_v<T, bool>) {
      writer.boolean(value);
    } else if constexpr (std::is_same_v<T, std::string>) {
      writer.string(value);
    } else if constexpr (std::is_same_v<T, base::Time>) {
      writer.string(base::formatRfc3339Nano(value));
    } else if constexpr (std::is_same_v<T, base::Digest>) {
      writer.string(value.str());
    } else if constexpr (std::is_floating_point_v<T>) {
      writer.number(value);
    } else if constexpr (std::is_integral_v<T> && std::is_signed_v<T>) {
      writer.integer(value);
    } else if constexpr (std::is_integral_v<T>) {
      writer.unsignedInteger(value);
    } else {
      writer.writeStruct(&value, structInfoOf<T>());
    }
  }

  static bool empty(const T& value) {
    if constexpr (HasEmpty<T>) return jsonEmpty(value);
    if constexpr (std::is_arithmetic_v<T>) return value == T{};
    if constexpr (HasEnum<T>) return value == T{};
    if constexpr (std::is_same_v<T, std::string>) return value.empty();
    if constexpr (std::is_same_v<T, base::Digest>) return value.empty();
    return false;
  }

  static bool zero(const T& value) {
    if constexpr (std::is_same_v<T, base::Time>) return value.zero();
    if constexpr (HasFields<T>) {
      for (const StructInfo::Line& line : structInfoOf<T>().lines)
        if (!line.ops->zero(reinterpret_cast<const char*>(&value) + line.offset)) return false;
      return true;
    }
    return empty(value);
  }

  static std::string goType() {
    if constexpr (HasFields<T>) return structInfoOf<T>().goName;
    if constexpr (std::is_same_v<T, std::string>) return "string";
    if constexpr (std::is_same_v<T, bool>) return "bool";
    if constexpr (std::is_same_v<T, base::Time>) return "time.Time";
    if constexpr (std::is_same_v<T, base::Digest>) return "digest.Digest";
    if constexpr (std::is_floating_point_v<T>) return "float64";
    if constexpr (std::is_integral_v<T>) return integerName<T>();
    return "string";
  }
};

// Elements go through Codec, so that a struct compiled elsewhere is not compiled again here.
template <class T>
void readElement(Reader& reader, T& target) {
  Codec<T>::ops().read(reader, &target);
}
template <class T>
void writeElement(Writer& writer, const T& value) {
  Codec<T>::ops().write(writer, &value);
}

template <class T, class Pointer>
struct PointerKind {
  static void write(Writer& writer, const Pointer& value) {
    if (value) {
      writeElement<T>(writer, *value);
    } else {
      writer.null();
    }
  }
  static bool empty(const Pointer& value) { return !value; }
  static bool zero(const Pointer& value) { return !value; }
  static std::string goType() { return Codec<T>::ops().goType(); }
};

template <class T>
struct Kind<std::optional<T>> : PointerKind<T, std::optional<T>> {
  static void read(Reader& reader, std::optional<T>& target) {
    if (reader.consumeNull()) return target.reset();
    if (!target) target.emplace();
    readElement(reader, *target);
  }
};
template <class T>
struct Kind<std::unique_ptr<T>> : PointerKind<T, std::unique_ptr<T>> {
  static void read(Reader& reader, std::unique_ptr<T>& target) {
    if (reader.consumeNull()) return target.reset();
    if (!target) target = std::make_unique<T>();
    readElement(reader, *target);
  }
};
template <class T>
struct Kind<std::shared_ptr<T>> : PointerKind<T, std::shared_ptr<T>> {
  static void read(Reader& reader, std::shared_ptr<T>& target) {
    if (reader.consumeNull()) return target.reset();
    target = std::make_shared<T>();  // never into an object that others may see
    readElement(reader, *target);
  }
};

template <class T, class A>
struct Kind<std::vector<T, A>> {
  static void read(Reader& reader, std::vector<T, A>& target) {
    if (reader.peek() == Reader::Kind::kNull) target.clear();
    if (!startList(reader, Reader::Kind::kArray, &goType)) return;
    target.clear();
    reader.beginArray();
    while (reader.nextElement()) {
      if constexpr (std::is_same_v<T, bool>) {
        bool value = false;
        readElement(reader, value);
        target.push_back(value);
      } else {
        readElement(reader, target.emplace_back());
      }
    }
  }
  static void write(Writer& writer, const std::vector<T, A>& value) {
    writer.beginArray();
    for (const T& element : value) {
      writer.element();
      writeElement<T>(writer, element);
    }
    writer.endArray();
  }
  static bool empty(const std::vector<T, A>& value) { return value.empty(); }
  static bool zero(const std::vector<T, A>& value) { return value.empty(); }
  static std::string goType() { return "[]" + Codec<T>::ops().goType(); }
};

template <class T, class C, class A>
struct Kind<std::map<std::string, T, C, A>> {
  using Map = std::map<std::string, T, C, A>;
  static void read(Reader& reader, Map& target) {
    if (reader.peek() == Reader::Kind::kNull) target.clear();
    if (!startList(reader, Reader::Kind::kObject, &goType)) return;
    reader.beginObject();
    std::string_view key;
    while (reader.nextKey(key)) {
      T& element = target[std::string(key)];
      element = T{};
      readElement(reader, element);
    }
  }
  static void write(Writer& writer, const Map& value) {
    writer.beginObject();
    for (const auto& [key, element] : value) {
      writer.key(key);
      writeElement<T>(writer, element);
    }
    writer.endObject();
  }
  static bool empty(const Map& value) { return value.empty(); }
  static bool zero(const Map& value) { return value.empty(); }
  static std::string goType() { return "map[string]" + Codec<T>::ops().goType(); }
};

template <class T, size_t N>
struct Kind<std::array<T, N>> {
  static void read(Reader& reader, std::array<T, N>& target) {
    if (!startList(reader, Reader::Kind::kArray, &goType)) return;
    target = {};
    reader.beginArray();
    for (size_t i = 0; reader.nextElement(); ++i) {
      if (i < N) {
        readElement(reader, target[i]);
      } else {
        reader.skip();
      }
    }
  }
  static void write(Writer& writer, const std::array<T, N>& value) {
    writer.beginArray();
    for (const T& element : value) {
      writer.element();
      writeElement<T>(writer, element);
    }
    writer.endArray();
  }
  static bool empty(const std::array<T, N>&) { return N == 0; }
  static bool zero(const std::array<T, N>& value) { return value == std::array<T, N>{}; }
  static std::string goType() { return "[" + std::to_string(N) + "]" + Codec<T>::ops().goType(); }
};

template <class T>
constexpr auto structInfoPointer() -> const StructInfo& (*)() {
  if constexpr (HasFields<T>) {
    return &structInfoOf<T>;
  } else {
    return nullptr;
  }
}

template <class T>
void readErased(Reader& reader, void* target) {
  Kind<T>::read(reader, *static_cast<T*>(target));
}
template <class T>
void writeErased(Writer& writer, const void* value) {
  Kind<T>::write(writer, *static_cast<const T*>(value));
}
template <class T>
bool emptyErased(const void* value) {
  return Kind<T>::empty(*static_cast<const T*>(value));
}
template <class T>
bool zeroErased(const void* value) {
  return Kind<T>::zero(*static_cast<const T*>(value));
}

}  // namespace impl

template <class T>
const Ops& Codec<T>::ops() {
  static constexpr Ops kOps{&impl::readErased<T>,   &impl::writeErased<T>,
                            &impl::emptyErased<T>,  &impl::zeroErased<T>,
                            &impl::Kind<T>::goType, impl::structInfoPointer<T>()};
  return kOps;
}

template <class T>
void parseInto(std::string_view text, T& target, const ReadOptions& options) {
  impl::readText(text, &target, Codec<T>::ops(), options);
}

template <class T>
T parse(std::string_view text, const ReadOptions& options) {
  T target{};
  parseInto(text, target, options);
  return target;
}

template <class T>
std::string write(const T& value, const WriteOptions& options) {
  return impl::writeText(&value, Codec<T>::ops(), options);
}

template <class T>
void record(const T& value, Recorder& recorder) {
  Writer writer(recorder);
  Codec<T>::ops().write(writer, &value);
}

// Compiled once, in json_impl.cc.
JSON_TYPE_EXTERN(bool);
JSON_TYPE_EXTERN(int);
JSON_TYPE_EXTERN(unsigned);
JSON_TYPE_EXTERN(std::int64_t);
JSON_TYPE_EXTERN(std::uint64_t);
JSON_TYPE_EXTERN(std::uint16_t);
JSON_TYPE_EXTERN(double);
JSON_TYPE_EXTERN(std::string);
JSON_TYPE_EXTERN(base::Time);
JSON_TYPE_EXTERN(base::Digest);
JSON_TYPE_EXTERN(Raw);
JSON_TYPE_EXTERN(Value);
JSON_TYPE_EXTERN(std::optional<bool>);
JSON_TYPE_EXTERN(std::optional<int>);
JSON_TYPE_EXTERN(std::optional<std::int64_t>);
JSON_TYPE_EXTERN(std::optional<std::uint64_t>);
JSON_TYPE_EXTERN(std::optional<std::string>);
JSON_TYPE_EXTERN(std::vector<std::string>);
JSON_TYPE_EXTERN(std::optional<std::vector<std::string>>);
JSON_TYPE_EXTERN(std::map<std::string, std::string>);
JSON_TYPE_EXTERN(std::optional<std::map<std::string, std::string>>);
JSON_TYPE_EXTERN(std::map<std::string, std::vector<std::string>>);

}  // namespace json
