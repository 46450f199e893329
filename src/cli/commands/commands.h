// Every command, by file, and what several of them share.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "api/oci/reference.h"
#include "cli/commands/cli.h"
#include "cli/commands/command.h"
#include "platform/json/value.h"

namespace commands {

// container_ls.cc, container_run.cc, container_start.cc, container_exec.cc, container_change.cc,
// container_logs.cc, container_stats.cc, container_update.cc
extern const Command kContainerLs, kContainerCreate, kContainerRun, kContainerStart,
    kContainerAttach, kContainerExec, kContainerStop, kContainerKill, kContainerRestart,
    kContainerRm, kContainerWait, kContainerRename, kContainerPause, kContainerUnpause,
    kContainerLogs, kContainerTop, kContainerPort, kContainerStats, kContainerUpdate,
    kContainerDiff, kContainerExport, kContainerCommit;
// image_ls.cc, image_transfer.cc, image_archive.cc, image_change.cc
extern const Command kImageLs, kImagePull, kImagePush, kImageLoad, kImageSave, kImageImport,
    kImageRm, kImageTag, kImageHistory;
// network.cc, volume.cc
extern const Command kNetworkCreate, kNetworkLs, kNetworkRm, kNetworkConnect, kNetworkDisconnect;
extern const Command kVolumeCreate, kVolumeLs, kVolumeRm;
// inspect.cc
extern const Command kInspect, kContainerInspect, kImageInspect, kNetworkInspect, kVolumeInspect;
// prune.cc
extern const Command kContainerPrune, kImagePrune, kNetworkPrune, kVolumePrune, kSystemPrune;
// system_version.cc, system_info.cc, system_df.cc, system_events.cc, login.cc
extern const Command kVersion, kInfo, kSystemDf, kEvents, kLogin, kLogout;

// When this client was made, as `version` and `info` show it.
std::string clientBuildTime();

// Calls `body` for each argument and prints the argument when it returns true. Errors are gathered
// and thrown as one, a line each, after the last.
void forEachArgument(Invocation& invocation, const std::function<bool(const std::string&)>& body);

// "Are you sure you want to continue? [y/N] " below `warning`, on the output. False: anything but
// y.
bool confirm(Cli& cli, std::string_view warning);

// The API's since and until: an instant, a Unix time or a duration before now. Error
// kInvalidArgument "failed to parse value as time or duration: …".
std::string apiTimestamp(std::string_view value);

// "/containers/NAME" + suffix.
std::string containerPath(std::string_view name, std::string_view suffix = "");
std::string imagePath(std::string_view name, std::string_view suffix = "");

// The name an image is to get. Error kInvalidArgument: 'Error parsing reference: "X" is not a valid
// repository/tag: …'.
oci::Reference parseTarget(const std::string& name);

// {"os":"linux","architecture":"arm64"} of "linux/arm64". Error kInvalidArgument in docker's words.
std::string platformJson(const std::string& platform);

// Pulls an image and shows the progress on descriptor `fd`; `quiet`: nothing is shown.
void pullImage(Cli& cli, const std::string& image, const std::string& platform, bool allTags,
               int fd, bool quiet);

// Copies a whole response body to a descriptor.
void copyBody(http::ClientResponse& response, int fd);
// The same to a file that appears only when it is whole; `path` "" is standard output. `failed`:
// how the error for a path that cannot be written begins.
void saveBody(http::ClientResponse& response, const std::string& path, std::string_view failed);

}  // namespace commands
