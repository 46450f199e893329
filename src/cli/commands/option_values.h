// What the values of `run`'s flags mean: each parser turns one value into its part of the create
// request, and says in docker's words what is wrong with it. Error kInvalidArgument throughout.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "platform/json/value.h"

namespace commands {

// Checks for flag tables.
void checkAttachStream(std::string_view value);
void checkEnvironment(std::string_view value);
void checkLabel(std::string_view value);
void checkExtraHost(std::string_view value);
void checkIpAddress(std::string_view value);
void checkSearchDomain(std::string_view value);
void checkLink(std::string_view value);
void checkSysctl(std::string_view value);
void checkDeviceRule(std::string_view value);
void checkUlimit(std::string_view value);
void checkWeightDevice(std::string_view value);
void checkByteRate(std::string_view value);
void checkOperationRate(std::string_view value);
void checkMount(std::string_view value);
void checkNetworkOption(std::string_view value);
void checkGpus(std::string_view value);
void checkFilter(std::string_view value);

// "KEY=value" as it is; "KEY" takes the value of our own environment, or stays bare when there is
// none.
std::string resolveEnvironment(std::string_view value);
// Lines of files, comments and blank lines left out, then `values`. `takeEnvironment`: bare keys
// are resolved.
std::vector<std::string> readKeyValueFiles(const std::vector<std::string>& files,
                                           const std::vector<std::string>& values,
                                           bool takeEnvironment);
// "a=b" -> {a: b}; "a" -> {a: ""}. Sorted, as Go writes maps.
std::map<std::string, std::string> keyValueMap(const std::vector<std::string>& values);
json::Value toObject(const std::map<std::string, std::string>& values);
json::Value toArray(const std::vector<std::string>& values);
json::Value toArrayOrNull(const std::vector<std::string>& values);

// "host:ip" or "host=ip" -> "host:ip".
std::string extraHost(std::string_view value);
std::string searchDomain(std::string_view value);
// {Name, Hard, Soft}
json::Value ulimit(std::string_view value);
// {Path, Weight}
json::Value weightDevice(std::string_view value);
// {Path, Rate}
json::Value byteRate(std::string_view value);
json::Value operationRate(std::string_view value);
// {PathOnHost, PathInContainer, CgroupPermissions}
json::Value deviceMapping(std::string_view value);
// "vendor.com/class=name": a device of the container device interface.
bool isCdiDevice(std::string_view value);
// A DeviceRequest.
json::Value gpuRequest(std::string_view value);
// {Name, MaximumRetryCount}
json::Value restartPolicy(std::string_view value);

// One record of comma-separated values with quotes, as --mount, --gpus and --network take them.
std::vector<std::string> splitRecord(std::string_view text);

}  // namespace commands
