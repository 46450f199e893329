// Sizes as docker prints and reads them (docker/go-units' rules).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace base {

std::string humanSize(double bytes);  // decimal, four digits: "12.3kB", "1.235GB"
std::string humanSize(double bytes,
                      int precision);  // decimal, `precision` digits: image ls and ps -s use 3
std::string bytesSize(double bytes);   // binary: "64MiB"
// "512m", "1.5GiB", "32KB" in powers of 1024; plain digits are bytes. Error kInvalidArgument
// "invalid size: '…'".
std::int64_t parseRamBytes(std::string_view text);
// The same in powers of 1000.
std::int64_t parseHumanSize(std::string_view text);

}  // namespace base
