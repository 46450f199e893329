// Answers of Docker 28.5 (testdata/) must come back byte for byte from our structs.
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "api/dockerapi/legacy.h"
#include "api/dockerapi/network.h"
#include "api/dockerapi/progress.h"
#include "api/dockerapi/stats.h"
#include "api/dockerapi/system.h"
#include "platform/base/error.h"

namespace dockerapi {
namespace {

std::string golden(const std::string& name) {
  std::ifstream file(SAMPAN_SOURCE_DIR "/src/api/dockerapi/testdata/" + name + ".json");
  EXPECT_TRUE(file) << name;
  std::stringstream text;
  text << file.rdbuf();
  std::string result = text.str();
  while (result.ends_with('\n')) result.pop_back();
  return result;
}

template <class T>
void expectRoundTrip(const std::string& name) {
  const std::string text = golden(name);
  EXPECT_EQ(json::write(json::parse<T>(text)), text) << name;
}

TEST(Types, KeepDockersAnswersByteForByte) {
  expectRoundTrip<std::vector<ContainerSummary>>("container_list");
  expectRoundTrip<ContainerInspect>("container_inspect");
  expectRoundTrip<TopResponse>("top");
  expectRoundTrip<ContainerStats>("stats");
  expectRoundTrip<ContainerStats>("stats_stopped");
  expectRoundTrip<ExecInspect>("exec_inspect");
  expectRoundTrip<json::List<FilesystemChange>>("changes");
  expectRoundTrip<std::vector<ImageSummary>>("image_list");
  expectRoundTrip<std::vector<ImageSummary>>("image_list_1.41");
  expectRoundTrip<ImageInspect>("image_inspect");
  expectRoundTrip<ImageInspect>("image_inspect_1.41");
  expectRoundTrip<std::vector<ImageHistoryItem>>("image_history");
  expectRoundTrip<std::vector<NetworkInspect>>("network_list");
  expectRoundTrip<NetworkInspect>("network_inspect");
  expectRoundTrip<VolumeList>("volume_list");
  expectRoundTrip<Volume>("volume_inspect");
  expectRoundTrip<Info>("info");
  expectRoundTrip<Version>("version");
  expectRoundTrip<DiskUsage>("disk_usage");
}

TEST(Types, OlderVersionsGetTheirShapes) {
  auto image = json::parse<ImageInspect>(golden("image_inspect"));
  adapt(image, {1, 41});
  image.metadata = json::parse<ImageInspect>(golden("image_inspect_1.41")).metadata;
  EXPECT_EQ(json::write(image), golden("image_inspect_1.41"));

  auto list = json::parse<std::vector<ImageSummary>>(golden("image_list"));
  for (ImageSummary& summary : list) adapt(summary, {1, 41});
  EXPECT_EQ(json::write(list), golden("image_list_1.41"));

  auto container = json::parse<ContainerInspect>(golden("container_inspect"));
  adapt(container, {1, 44});
  const auto& aliases = container.networkSettings.networks.at("exnet").aliases;
  EXPECT_EQ(aliases, (std::vector<std::string>{"al", "384e81b5eae9", "hh"}));

  auto info = json::parse<Info>(golden("info"));
  adapt(info, {1, 24});
  EXPECT_EQ(info.securityOptions, std::vector<std::string>{"seccomp"});
  EXPECT_FALSE(info.firewallBackend);
  EXPECT_EQ(info.bridgeNfIptables, false);
}

TEST(Types, EventsCarryTheWordsOfTheFirstApi) {
  EventMessage event;
  event.type = "container";
  event.action = "die";
  event.actor = {"0123", {{"image", "busybox"}, {"exitCode", "3"}}};
  event.scope = "local";
  event.time = 1;
  event.timeNano = 1'000'000'002;
  adapt(event, kMaxVersion);
  EXPECT_EQ(
      json::write(event),
      R"({"status":"die","id":"0123","from":"busybox","Type":"container","Action":"die","Actor":{"ID":"0123",)"
      R"("Attributes":{"exitCode":"3","image":"busybox"}},"scope":"local","time":1,"timeNano":1000000002})");
  EventMessage network;
  network.type = "network";
  network.action = "create";
  adapt(network, kMaxVersion);
  EXPECT_EQ(network.status, "");
}

TEST(Types, CreateRequestKeepsNilAndEmptyApart) {
  const char* text =
      R"({"Image":"busybox","Cmd":"sh","Entrypoint":[],"Env":null,"Volumes":{"/v":{}},"HostConfig":{"Dns":[],"Binds":null,)"
      R"("Memory":67108864,"PortBindings":{"80/tcp":[{"HostPort":"8080"}],"81/tcp":null},"MaskedPaths":[],)"
      R"("Mounts":[{"Type":"tmpfs","Target":"/t","TmpfsOptions":{"Mode":1016}}]},)"
      R"("NetworkingConfig":{"EndpointsConfig":{"net":null,"two":{"IPAMConfig":{"IPv4Address":"10.0.0.2"}}}}})";
  const auto request = json::parse<CreateRequest>(text);
  EXPECT_EQ(request.config.cmd, std::vector<std::string>{"sh"});
  EXPECT_FALSE(request.config.entrypoint.isNil());
  EXPECT_TRUE(request.config.env.isNil());
  EXPECT_TRUE(request.config.volumes.contains("/v"));
  const HostConfig& host = *request.hostConfig;
  EXPECT_TRUE(host.binds.isNil());
  EXPECT_FALSE(host.dns.isNil());
  EXPECT_FALSE(host.maskedPaths.isNil());
  EXPECT_TRUE(host.readonlyPaths.isNil());
  EXPECT_EQ(host.resources.memory, 64 << 20);
  EXPECT_TRUE(host.portBindings.at("81/tcp").isNil());
  EXPECT_EQ(host.mounts[0].tmpfsOptions->mode, 01770u);
  EXPECT_EQ(request.networkingConfig->endpointsConfig.at("two").ipamConfig->ipv4Address,
            "10.0.0.2");
  EXPECT_FALSE(request.networkingConfig->endpointsConfig.at("net").ipamConfig);
  // What it became is what is read again.
  const std::string once = json::write(request);
  EXPECT_EQ(json::write(json::parse<CreateRequest>(once)), once);
}

TEST(Types, WrongTypesAreNamedAsGoNamesThem) {
  const auto errorOf = [](const char* text) {
    try {
      json::parse<CreateRequest>(text);
    } catch (const base::Error& error) {
      return error.message();
    }
    return std::string("no error");
  };
  EXPECT_EQ(errorOf(R"({"HostConfig":{"Memory":"x"}})"),
            "json: cannot unmarshal string into Go struct field HostConfig.HostConfig.Memory of "
            "type int64");
  EXPECT_EQ(errorOf(R"({"HostConfig":{"RestartPolicy":3}})"),
            "json: cannot unmarshal number into Go struct field "
            "HostConfig.HostConfig.RestartPolicy of type "
            "container.RestartPolicy");
  EXPECT_EQ(errorOf(R"({"HostConfig":{"Mounts":{"A":3}}})"),
            "json: cannot unmarshal object into Go struct field HostConfig.HostConfig.Mounts of "
            "type []mount.Mount");
  EXPECT_EQ(errorOf("[]"),
            "json: cannot unmarshal array into Go value of type container.CreateRequest");
}

TEST(Types, ProgressMessagesOmitWhatIsEmpty) {
  ProgressMessage message;
  message.status = "Pulling fs layer";
  message.progressDetail.emplace();
  message.id = "0123456789ab";
  EXPECT_EQ(json::write(message),
            R"({"status":"Pulling fs layer","progressDetail":{},"id":"0123456789ab"})");
  ProgressMessage failed;
  failed.errorDetail = ProgressError{.code = 3, .message = "no <such> thing"};
  failed.error = failed.errorDetail->message;
  EXPECT_EQ(json::write(failed),
            R"({"errorDetail":{"code":3,"message":"no <such> thing"},"error":"no <such> thing"})");
}

}  // namespace
}  // namespace dockerapi
