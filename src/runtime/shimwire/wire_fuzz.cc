// Messages and records of any length: what is missing reads as zeros, and nothing beyond is read.
#include <cstdint>
#include <cstdlib>
#include <vector>

#include "runtime/shimwire/wire.h"

namespace {

template <class T>
void read(const std::vector<unsigned char>& bytes) {
  T message{};
  if (!shimwire::decode(bytes.data(), bytes.size(), message, sizeof(shimwire::Header))) return;
  const auto* const raw = reinterpret_cast<const unsigned char*>(&message);
  for (std::size_t i = 0; i < sizeof message; ++i) {
    if (raw[i] != (i < bytes.size() ? bytes[i] : 0)) std::abort();
  }
}

template <class... T>
void readAll(const std::vector<unsigned char>& bytes) {
  (read<T>(bytes), ...);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace shimwire;
  const std::vector<unsigned char> exact(data, data + size);
  readAll<Start, Fds, Exec, Attach, Go, Signal, Resize, Forget, CloseStdin, Store, Take, Hello,
          Reply, Exited, Detached, State, ExecState>(exact);
  return 0;
}
