// Reads what a shim wrote with the json-file format, across rotations, and follows it.
//
// The files are `name` (newest), `name.1`, `name.2` … (older). The shim rotates by renaming, so
// that a reader that holds the descriptor of a file loses nothing: it finishes that file first,
// then goes on with the next newer one.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "platform/base/stop_token.h"
#include "platform/base/time.h"
#include "platform/sys/fd.h"

namespace logs {

struct Query {
  bool standardOutput = true, standardError = true;
  base::Time since, until;           // zero: unbounded
  std::optional<std::int64_t> tail;  // the last so many entries; nullopt: all
};

struct Entry {
  bool standardError = false;
  base::Time time;
  std::string_view text;        // with its newline; without one where a long line was split
  std::string_view attributes;  // JSON object text, or empty
};

// One line of the file. nullopt: damaged (a torn write of a dying host); readers skip it. `scratch`
// holds the text where it had to be unescaped, so the entry is valid until its next use.
std::optional<Entry> parseEntry(std::string_view line, std::string& scratch);

class JsonFileReader {
 public:
  // `directory` is borrowed. A missing file is an empty log.
  JsonFileReader(int directory, std::string name);
  ~JsonFileReader();

  // False from it ends the reading.
  using Each = std::function<bool(const Entry&)>;

  // What is there now, oldest first. Error kCancelled when `stop` fires.
  void read(const Query& query, const Each& each, const base::StopToken& stop);

  // read(), then what comes, until `ended` fires and its last line was given, or `stop` fires
  // (returns quietly). `idle` is called whenever everything that is there was given: the moment to
  // flush.
  void follow(const Query& query, const Each& each, const std::function<void()>& idle,
              const base::StopToken& ended, const base::StopToken& stop);

 private:
  struct File;
  bool drain(File& file, const Query& query, const Each& each, const base::StopToken& stop);
  std::optional<File> openNumber(int number) const;
  std::optional<File> successor(const File& file) const;
  std::optional<File> start(const Query& query, const base::StopToken& stop) const;

  const int directory_;
  const std::string name_;
};

}  // namespace logs
