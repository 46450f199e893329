// What can be typed.
#include "cli/commands/commands.h"

namespace commands {
namespace {

constexpr const char* kCommon = "Common Commands";
constexpr const char* kManagement = "Management Commands";
constexpr const char* kPlain = "Commands";

constexpr Node kContainerNodes[] = {
    {"attach", kPlain, &kContainerAttach},
    {"commit", kPlain, &kContainerCommit},
    {"create", kPlain, &kContainerCreate},
    {"diff", kPlain, &kContainerDiff},
    {"exec", kPlain, &kContainerExec},
    {"export", kPlain, &kContainerExport},
    {"inspect", kPlain, &kContainerInspect},
    {"kill", kPlain, &kContainerKill},
    {"logs", kPlain, &kContainerLogs},
    {"ls", kPlain, &kContainerLs, {}, nullptr, "ps", "list"},
    {"pause", kPlain, &kContainerPause},
    {"port", kPlain, &kContainerPort},
    {"prune", kPlain, &kContainerPrune},
    {"rename", kPlain, &kContainerRename},
    {"restart", kPlain, &kContainerRestart},
    {"rm", kPlain, &kContainerRm, {}, nullptr, "remove"},
    {"run", kPlain, &kContainerRun},
    {"start", kPlain, &kContainerStart},
    {"stats", kPlain, &kContainerStats},
    {"stop", kPlain, &kContainerStop},
    {"top", kPlain, &kContainerTop},
    {"unpause", kPlain, &kContainerUnpause},
    {"update", kPlain, &kContainerUpdate},
    {"wait", kPlain, &kContainerWait},
};

constexpr Node kImageNodes[] = {
    {"history", kPlain, &kImageHistory},
    {"import", kPlain, &kImageImport},
    {"inspect", kPlain, &kImageInspect},
    {"load", kPlain, &kImageLoad},
    {"ls", kPlain, &kImageLs, {}, nullptr, "list"},
    {"prune", kPlain, &kImagePrune},
    {"pull", kPlain, &kImagePull},
    {"push", kPlain, &kImagePush},
    {"rm", kPlain, &kImageRm, {}, nullptr, "remove"},
    {"save", kPlain, &kImageSave},
    {"tag", kPlain, &kImageTag},
};

constexpr Node kNetworkNodes[] = {
    {"connect", kPlain, &kNetworkConnect},
    {"create", kPlain, &kNetworkCreate},
    {"disconnect", kPlain, &kNetworkDisconnect},
    {"inspect", kPlain, &kNetworkInspect},
    {"ls", kPlain, &kNetworkLs, {}, nullptr, "list"},
    {"prune", kPlain, &kNetworkPrune},
    {"rm", kPlain, &kNetworkRm, {}, nullptr, "remove"},
};

constexpr Node kSystemNodes[] = {
    {"df", kPlain, &kSystemDf},
    {"events", kPlain, &kEvents},
    {"info", kPlain, &kInfo},
    {"prune", kPlain, &kSystemPrune},
};

constexpr Node kVolumeNodes[] = {
    {"create", kPlain, &kVolumeCreate},
    {"inspect", kPlain, &kVolumeInspect},
    {"ls", kPlain, &kVolumeLs, {}, nullptr, "list"},
    {"prune", kPlain, &kVolumePrune},
    {"rm", kPlain, &kVolumeRm, {}, nullptr, "remove"},
};

// In the order of the help page.
constexpr Node kRoot[] = {
    {"run", kCommon, &kContainerRun},
    {"exec", kCommon, &kContainerExec},
    {"ps", kCommon, &kContainerLs},
    {"pull", kCommon, &kImagePull},
    {"push", kCommon, &kImagePush},
    {"images", kCommon, &kImageLs},
    {"login", kCommon, &kLogin},
    {"logout", kCommon, &kLogout},
    {"version", kCommon, &kVersion},
    {"info", kCommon, &kInfo},

    {"container", kManagement, nullptr, kContainerNodes, "Manage containers"},
    {"image", kManagement, nullptr, kImageNodes, "Manage images"},
    {"network", kManagement, nullptr, kNetworkNodes, "Manage networks"},
    {"system", kManagement, nullptr, kSystemNodes, "Manage Docker"},
    {"volume", kManagement, nullptr, kVolumeNodes, "Manage volumes", nullptr, nullptr, "COMMAND"},

    {"attach", kPlain, &kContainerAttach},
    {"commit", kPlain, &kContainerCommit},
    {"create", kPlain, &kContainerCreate},
    {"diff", kPlain, &kContainerDiff},
    {"events", kPlain, &kEvents},
    {"export", kPlain, &kContainerExport},
    {"history", kPlain, &kImageHistory},
    {"import", kPlain, &kImageImport},
    {"inspect", kPlain, &kInspect},
    {"kill", kPlain, &kContainerKill},
    {"load", kPlain, &kImageLoad},
    {"logs", kPlain, &kContainerLogs},
    {"pause", kPlain, &kContainerPause},
    {"port", kPlain, &kContainerPort},
    {"rename", kPlain, &kContainerRename},
    {"restart", kPlain, &kContainerRestart},
    {"rm", kPlain, &kContainerRm},
    {"rmi", kPlain, &kImageRm},
    {"save", kPlain, &kImageSave},
    {"start", kPlain, &kContainerStart},
    {"stats", kPlain, &kContainerStats},
    {"stop", kPlain, &kContainerStop},
    {"tag", kPlain, &kImageTag},
    {"top", kPlain, &kContainerTop},
    {"unpause", kPlain, &kContainerUnpause},
    {"update", kPlain, &kContainerUpdate},
    {"wait", kPlain, &kContainerWait},
};

}  // namespace

std::span<const Node> rootNodes() {
  return kRoot;
}

}  // namespace commands
