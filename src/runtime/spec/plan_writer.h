// Puts a launch plan together: fill `root`, with texts, lists and descriptors from the functions,
// then finish().
#pragma once

#include <cstring>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "platform/sys/fd.h"
#include "runtime/launch/plan.h"
#include "runtime/spec/plan.h"

namespace spec {

class PlanWriter {
 public:
  launch::PlanRoot root{};

  // A present text, also when empty. Error kInvalidArgument: a NUL inside.
  launch::Text text(std::string_view value);
  // Absent when empty.
  launch::Text optionalText(std::string_view value);
  launch::Blob blob(std::string_view bytes);
  template <class T>
  launch::List<T> list(const std::vector<T>& items) {
    if (items.empty()) return {};
    const auto offset = append(items.data(), items.size() * sizeof(T));
    return {offset, static_cast<std::uint32_t>(items.size())};
  }
  launch::List<launch::Text> texts(const std::vector<std::string>& values);

  // Takes the descriptor into the plan. An invalid one is 0, "none".
  launch::FdRef fd(sys::Fd fd);

  // Error kInvalidArgument when it grew beyond what a launch reads.
  Plan finish();

 private:
  std::uint32_t append(const void* bytes, std::size_t size);

  std::string tail_;  // what follows the root
  std::map<std::string, launch::Text, std::less<>> known_;
  std::vector<sys::Fd> fds_;
};

}  // namespace spec
