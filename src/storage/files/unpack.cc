#include "storage/files/unpack.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <memory>
#include <optional>

#include "platform/archive/recipe.h"
#include "platform/base/error.h"
#include "platform/base/fault.h"
#include "platform/sys/open_in_root.h"
#include "storage/files/extractor.h"
#include "storage/files/paths.h"

namespace files {

namespace {

// A file of the tree, which may be a hard link, and stays open while it is read.
class FileContents : public archive::Source {
 public:
  explicit FileContents(sys::Fd fd) : fd_(std::move(fd)), source_(fd_.get()) {}
  size_t read(std::span<char> into) override { return source_.read(into); }

 private:
  sys::Fd fd_;
  archive::FdSource source_;
};

}  // namespace

UnpackRecord unpack(archive::Source& tar, int directory, const UnpackOptions& options) {
  std::optional<archive::RecipeWriter> recipe;
  if (options.recipe != nullptr) recipe.emplace(*options.recipe);
  archive::RecipeWriter* const listener = recipe ? &*recipe : nullptr;
  archive::TarReader reader(tar, options.limits, listener);
  Extractor extractor(directory, options, reader, listener);
  archive::TarEntry entry;
  while (reader.next(entry)) {
    options.stop.throwIfStopped();
    base::faultPoint("files.unpack");
    extractor.add(entry);
  }
  extractor.finish();
  UnpackRecord record = std::move(extractor.record);
  record.entries = reader.entries();
  record.tarBytes = reader.bytes();
  if (recipe) {
    recipe->finish();
    record.recipeBytes = recipe->bytes();
    record.recipeComplete = recipe->complete();
  }
  return record;
}

std::vector<std::string> orphanWhiteouts(const UnpackRecord& record,
                                         const std::vector<int>& lowers) {
  std::vector<std::string> orphans;
  for (const auto& path : record.whiteouts) {
    const bool hides = std::any_of(lowers.begin(), lowers.end(), [&](int lower) {
      // O_NOFOLLOW with O_PATH: a symbolic link is something to hide, wherever it points.
      return sys::openInRootIfExists(lower, path, O_PATH | O_NOFOLLOW).has_value();
    });
    if (!hides) orphans.push_back(path);
  }
  return orphans;
}

void rebuildTar(const std::function<std::unique_ptr<archive::Source>()>& recipe, int directory,
                archive::Sink& tar) {
  const auto open = [directory](const std::string& path) -> std::unique_ptr<archive::Source> {
    // O_PATH first: a device or fifo that took the file's place must not be opened.
    auto found = sys::openInRootIfExists(directory, path, O_PATH | O_NOFOLLOW);
    struct stat status {};
    if (!found || ::fstat(found->get(), &status) < 0 || !S_ISREG(status.st_mode)) {
      base::fail(base::Code::kDataLoss, "{} is gone since it was unpacked", path);
    }
    return std::make_unique<FileContents>(sys::openInRoot(directory, path, O_RDONLY | O_NOFOLLOW));
  };
  archive::rebuild(recipe, open, tar);
}

}  // namespace files
