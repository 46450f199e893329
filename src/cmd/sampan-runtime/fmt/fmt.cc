// Debian has the formatting library as a shared one only. For the one program that is static, this
// unit takes the library's own header-only form, and with it what the other units expect to find
// elsewhere.
#define FMT_HEADER_ONLY 1
#include <fmt/format.h>

namespace {

template <class T>
const void* address(T* function) {
  return reinterpret_cast<const void*>(function);
}

// Named here so that the compiler makes them.
[[gnu::used]] const void* const kNeeded[] = {
    address<std::string(fmt::string_view, fmt::format_args)>(&fmt::vformat),
    address<void(const char*, int, const char*)>(&fmt::detail::assert_fail),
    address<bool(std::uint32_t)>(&fmt::detail::is_printable),
    address<void(const char*)>(&fmt::detail::throw_format_error)};

}  // namespace
