// Plans come from our own daemon, but a damaged one must not make the shim read beyond it.
#include <cstdlib>
#include <cstring>

#include "runtime/launch/plan.h"

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  // A copy of exact size and alignment, so that AddressSanitizer sees every byte read past the end.
  auto* copy = static_cast<unsigned char*>(std::malloc(size ? size : 1));
  std::memcpy(copy, data, size);
  if (size >= 16) {  // give the fuzzer the head for free
    launch::PlanRoot root{};
    std::memcpy(&root, copy, 16);
    root.magic = launch::kPlanMagic;
    root.version = launch::kPlanVersion;
    root.size = static_cast<std::uint32_t>(size);
    std::memcpy(copy, &root, 12);
  }
  launch::Plan plan;
  if (launch::openPlan(copy, size, plan) == nullptr) {
    volatile std::size_t sum = 0;
    for (std::uint32_t i = 0; i < plan.root().argv.count; ++i) {
      sum = sum + std::strlen(plan.text(plan.at(plan.root().argv, i)));
    }
    for (std::uint32_t i = 0; i < plan.root().mounts.count; ++i) {
      sum = sum + std::strlen(plan.text(plan.at(plan.root().mounts, i).target));
    }
  }
  std::free(copy);
  return 0;
}
