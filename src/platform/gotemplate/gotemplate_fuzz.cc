// Formats come from command lines and log options. Input: a template, a NUL byte, JSON for it to
// work on.
#include "platform/base/error.h"
#include "platform/gotemplate/docker_format.h"

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const size_t cut = input.find('\0');
  const std::string_view format = input.substr(0, cut);
  if (format.find("range") != format.npos && format.find_first_of("123456789") != format.npos)
    return 0;  // long loops
  const std::string_view json = cut == input.npos ? std::string_view() : input.substr(cut + 1);
  gotemplate::Data value = gotemplate::Data::parse(R"({"A":["x",1,{"B":null}],"S":"text","N":3})");
  try {
    value = gotemplate::Data::parse(json);
  } catch (const base::Error&) {
  }
  try {
    const auto parsed = gotemplate::ListFormat::parse(format);
    parsed.header({{"A", "HEADER"}});
    parsed.row(value);
  } catch (const base::Error&) {
  }
  return 0;
}
