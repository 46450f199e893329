// The tar recipe: all of a layer's tar but the contents of its files, so that the very bytes behind
// a diffID can be written again from the unpacked tree, for 0.1-0.2 % of its size. It has to be
// made while the tar is read.
//
// Format, version 1: "sampan recipe 1\n", then one zstd frame of records, each a tag byte, numbers
// in LEB128:
//   'R' n bytes          raw bytes of the archive: headers, padding, the end and what follows it
//   'F' size crc path    contents of the file `path` of the tree; crc: CRC-64 (ECMA-182,
//   reflected), 8 bytes LE 'O' path size bytes  contents that a later entry of the same layer
//   replaced: the n-th 'O' of a path belongs to
//                        its n-th 'F', the tree holds only the last
//   'E' total            the archive's length; a recipe without it is cut short
// The checksum only names the file that changed; that the archive is right is for its SHA-256 to
// say, which whoever rebuilds compares (a digest for each file would double the hashing of a pull).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "platform/archive/tar.h"

namespace archive {

class RecipeWriter : public TarListener {
 public:
  explicit RecipeWriter(Sink& to);
  ~RecipeWriter() override;

  void raw(std::span<const char> bytes) override;
  void data(std::span<const char> bytes) override;

  // The data of the present entry becomes the contents of `path` in the tree. Call between next()
  // and the first data(); data of entries for which this is not called is kept in the recipe
  // itself.
  void file(std::string_view path);
  // Contents of `path`, as written by this layer, that are about to be lost from the tree. False:
  // more than the recipe may hold (64 MiB in all); it is then worthless and complete() stays false.
  bool replaced(std::string_view path, Source& contents, std::uint64_t size);
  // Marks the recipe worthless: something was lost that it cannot tell.
  void abandon();

  // Ends the recipe.
  void finish();
  bool complete() const;
  std::uint64_t bytes() const;  // written to the sink

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// Where a rebuilt archive takes contents from; throws base::Error when there is no such file.
using OpenContents = std::function<std::unique_ptr<Source>(const std::string& path)>;

// Writes the archive to `tar`. `recipe` is called twice, each time for a new reader of the recipe
// (contents that were replaced stand behind the place that needs them). Error kDataLoss: a file
// changed (named), or a damaged recipe.
void rebuild(const std::function<std::unique_ptr<Source>()>& recipe, const OpenContents& open,
             Sink& tar);

}  // namespace archive
