// POST /containers/create: request and image become a record, or nothing.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "engine/container/core.h"

namespace container {

struct CreateOptions {
  std::string name;  // empty: made up
  std::optional<image::Platform> platform;
  bool readOnlyNonRecursive = false;  // what is mounted below read-only mounts stays writable
};

struct Created {
  std::string id;
  std::vector<std::string> warnings;
};

// Errors: kNotFound "No such image: x", kConflict for the name, kInvalidArgument, kNotImplemented
// with the field's name. One durable transaction makes the record; whatever fails before it leaves
// nothing.
Created create(Core& core, dockerapi::CreateRequest request, const CreateOptions& options);

}  // namespace container
