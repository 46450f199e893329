#include "platform/json/json_impl.h"

#include <algorithm>

#include "platform/base/strings.h"

namespace json {

const StructInfo::Line* StructInfo::find(std::string_view key, size_t hint) const noexcept {
  // Most texts come in the table's order, so that the first look hits.
  const size_t count = lines.size();
  for (size_t i = 0; i < count; ++i) {
    const Line& line = lines[(hint + i) % count];
    if (line.name == key) return &line;
  }
  for (const Line& line : lines)
    if (base::equalsIgnoreCase(line.name, key)) return &line;
  return nullptr;
}

namespace impl {

namespace {

// "... [T = ns::Name]" -> "Name"
std::string typeName(std::string_view pretty) {
  const size_t start = pretty.rfind("T = ");
  std::string_view name = pretty.substr(start + 4);
  name = name.substr(0, name.find_first_of("];"));
  return std::string(name.substr(name.rfind(':') + 1));
}

}  // namespace

StructInfo makeStructInfo(std::string_view prettyName, const FieldInfo* lines, size_t count) {
  StructInfo info;
  info.goName = typeName(prettyName);
  std::vector<bool> own;  // of each line: not from an inlined struct
  const auto add = [&](StructInfo::Line line, bool isOwn) {
    const auto same = std::find_if(info.lines.begin(), info.lines.end(),
                                   [&](const auto& other) { return other.name == line.name; });
    if (same == info.lines.end()) {
      info.lines.push_back(std::move(line));
      own.push_back(isOwn);
    } else if (isOwn && !own[static_cast<size_t>(same - info.lines.begin())]) {
      // Go's rule: the outer one hides the embedded one, and stands where it is declared.
      own.erase(own.begin() + (same - info.lines.begin()));
      info.lines.erase(same);
      info.lines.push_back(std::move(line));
      own.push_back(true);
    }
  };
  for (const FieldInfo* field = lines; field != lines + count; ++field) {
    switch (field->kind) {
      case FieldInfo::Kind::kName:
        info.goName = field->name;
        break;
      case FieldInfo::Kind::kRest:
        info.rest = field->offset;
        break;
      case FieldInfo::Kind::kMember: {
        const Ops& ops = field->ops();
        add({field->name, quote(field->name) + ':', field->offset, &ops, field->flags}, true);
        break;
      }
      case FieldInfo::Kind::kInlined: {
        const StructInfo& inner = field->ops().structInfo();
        for (StructInfo::Line line : inner.lines) {
          line.offset += field->offset;
          add(std::move(line), false);
        }
        break;
      }
    }
  }
  info.structName = info.goName.substr(info.goName.rfind('.') + 1);
  return info;
}

void readText(std::string_view text, void* target, const Ops& ops, const ReadOptions& options) {
  Reader reader(text, options);
  ops.read(reader, target);
  reader.finish();
}

std::string writeText(const void* value, const Ops& ops, const WriteOptions& options) {
  std::string out;
  Writer writer(out, options.escapeHtml);
  ops.write(writer, value);
  if (options.indent > 0)
    return indent(out, "", std::string(static_cast<size_t>(options.indent), ' '));
  return out;
}

bool startList(Reader& reader, Reader::Kind wanted, std::string (*goType)()) {
  if (reader.peek() == wanted) return true;
  if (reader.consumeNull()) return false;
  reader.typeError(goType());
  reader.skip();
  return false;
}

void readTime(Reader& reader, base::Time& target) {
  std::string text;
  if (!reader.readString(text, "time.Time")) return;
  if (const auto time = base::parseRfc3339(text)) {
    target = *time;
  } else {
    reader.keepError("parsing time " + quote(text) + ": it is not in RFC 3339 format");
  }
}

void readDigest(Reader& reader, base::Digest& target) {
  std::string text;
  if (!reader.readString(text, "digest.Digest")) return;
  if (text.empty()) {
    target = base::Digest();
  } else if (auto digest = base::Digest::tryParse(text)) {
    target = std::move(*digest);
  } else {
    reader.keepError("invalid digest " + quote(text));
  }
}

}  // namespace impl

JSON_TYPE(bool);
JSON_TYPE(int);
JSON_TYPE(unsigned);
JSON_TYPE(std::int64_t);
JSON_TYPE(std::uint64_t);
JSON_TYPE(std::uint16_t);
JSON_TYPE(double);
JSON_TYPE(std::string);
JSON_TYPE(base::Time);
JSON_TYPE(base::Digest);
JSON_TYPE(Raw);
JSON_TYPE(Value);
JSON_TYPE(std::optional<bool>);
JSON_TYPE(std::optional<int>);
JSON_TYPE(std::optional<std::int64_t>);
JSON_TYPE(std::optional<std::uint64_t>);
JSON_TYPE(std::optional<std::string>);
JSON_TYPE(std::vector<std::string>);
JSON_TYPE(std::optional<std::vector<std::string>>);
JSON_TYPE(std::map<std::string, std::string>);
JSON_TYPE(std::optional<std::map<std::string, std::string>>);
JSON_TYPE(std::map<std::string, std::vector<std::string>>);

}  // namespace json
