// What Data shares between copies. For the files of this library only.
#pragma once

#include <string>
#include <vector>

#include "platform/gotemplate/data.h"

namespace gotemplate {

struct Data::Compound {
  std::vector<Data> elements;
  std::vector<Member> members;
  const StructType* type = nullptr;
  const StructType* keyType = nullptr;
  std::string name;  // of the struct's type when `type` is not given
  bool nil = false;
};

}  // namespace gotemplate
