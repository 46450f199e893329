// Lines of a log that the shim wrote, or that a dying host tore. What the shim writes comes back.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "engine/logs/json_file_reader.h"
#include "runtime/logfile/record.h"

namespace {

// As the shim has it: the text escaped, broken UTF-8 replaced, in one record.
void written(std::string_view text) {
  std::vector<char> out(text.size() * 6 + 1);
  const char* end =
      logfile::escape(reinterpret_cast<const std::uint8_t*>(text.data()), text.size(), out.data());
  char time[logfile::kTimeBytes];
  const size_t length = logfile::formatTime(1'500'000'000'123'456'789, time);
  const std::string line =
      "{\"log\":\"" + std::string(out.data(), static_cast<size_t>(end - out.data())) +
      "\",\"stream\":\"stderr\",\"time\":\"" + std::string(time, length) + "\"}";
  std::string scratch;
  const auto entry = logs::parseEntry(line, scratch);
  if (!entry || !entry->standardError || entry->time.ns != 1'500'000'000'123'456'789) std::abort();
  // Escaping what was read once more changes nothing: it is the same text.
  std::vector<char> again(entry->text.size() * 6 + 1);
  const char* const stop = logfile::escape(
      reinterpret_cast<const std::uint8_t*>(entry->text.data()), entry->text.size(), again.data());
  const std::string_view once(out.data(), static_cast<size_t>(end - out.data()));
  const std::string_view twice(again.data(), static_cast<size_t>(stop - again.data()));
  if (once.find("\\ufffd") == std::string_view::npos && once != twice) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  std::string scratch;
  if (const auto entry = logs::parseEntry(text, scratch)) {
    volatile size_t sum = 0;
    for (const char c : entry->text) sum = sum + static_cast<unsigned char>(c);
    for (const char c : entry->attributes) sum = sum + static_cast<unsigned char>(c);
  }
  written(text);
  return 0;
}
