#include <algorithm>

#include "platform/base/error.h"
#include "runtime/cgroup/cgroup.h"

namespace cgroup {

std::uint64_t weightOfShares(std::uint64_t shares) {
  if (shares == 0) return 0;
  const std::uint64_t bounded = std::clamp<std::uint64_t>(shares, 2, 262144);
  return 1 + (bounded - 2) * 9999 / 262142;
}

std::optional<std::string> swapMax(std::int64_t memory, std::int64_t memoryAndSwap) {
  if (memoryAndSwap == 0) return std::nullopt;
  if (memoryAndSwap < 0) return "max";
  // A total without a limit on memory says nothing about swap alone.
  if (memory <= 0)
    base::fail(base::Code::kInvalidArgument, "unable to set swap limit without memory limit");
  if (memoryAndSwap < memory)
    base::fail(base::Code::kInvalidArgument, "memory+swap limit should be >= memory limit");
  return std::to_string(memoryAndSwap - memory);
}

std::uint64_t ioWeightOfBlkio(std::uint64_t weight) {
  if (weight == 0) return 0;
  const std::uint64_t bounded = std::clamp<std::uint64_t>(weight, 10, 1000);
  return 1 + (bounded - 10) * 9999 / 990;
}

}  // namespace cgroup
