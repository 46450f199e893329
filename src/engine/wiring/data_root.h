// Whose data root it is, and whether the database still tells of all that is in it.
#pragma once

#include <string>

#include "state/store/store.h"

namespace wiring {

struct Identity {
  std::string id;
  bool known = false;  // an engine was here before
};

// Made once a data root; what tells this daemon's links, tables and cgroups from another's. Error
// kDataLoss: it is damaged, or an engine left its layers, containers or volumes here and their
// database is missing or empty. What no row tells of would be swept away as garbage.
Identity engineIdentity(const std::string& dataRoot);

// `store`, just opened. Error kDataLoss: no library ever made its tables in it, and yet an engine
// left something in the data root.
store::Store& knownStore(store::Store& store, const std::string& dataRoot, const Identity& engine);

}  // namespace wiring
