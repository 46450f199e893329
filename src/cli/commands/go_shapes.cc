#include "cli/commands/go_shapes.h"

#include "platform/base/strings.h"
#include "platform/gotemplate/shape.h"

namespace commands {
namespace {

using gotemplate::Data;
using gotemplate::Method;
using gotemplate::Shape;
using gotemplate::Shapes;
using gotemplate::StructType;

using Arguments = std::span<const Data>;

// A method without arguments on a string.
template <class Call>
Method method(Call call) {
  return {{}, [call](const Data& self, Arguments) { return Data(call(self.text())); }};
}

Method is(std::string value) {
  return method([value](const std::string& mode) { return mode == value; });
}

bool sharesContainer(std::string_view mode) {
  return mode.starts_with("container:");
}

// The container of "container:NAME".
std::string containerOf(const std::string& mode) {
  const auto [kind, name] = base::cut(mode, ':');
  return kind == "container" && name ? std::string(*name) : std::string();
}

const StructType& networkMode() {
  static const auto userDefined = [](const std::string& mode) {
    return mode != "default" && mode != "bridge" && mode != "host" && mode != "none" &&
           !sharesContainer(mode);
  };
  static const StructType type = {
      "container.NetworkMode",
      {{"IsNone", is("none")},
       {"IsDefault", is("default")},
       {"IsHost", is("host")},
       {"IsBridge", is("bridge")},
       {"IsContainer", method(sharesContainer)},
       {"ConnectedContainer", method(containerOf)},
       {"IsPrivate",
        method([](const std::string& mode) { return mode != "host" && !sharesContainer(mode); })},
       {"IsUserDefined", method(userDefined)},
       {"UserDefined",
        method([](const std::string& mode) { return userDefined(mode) ? mode : std::string(); })},
       {"NetworkName", method([](const std::string& mode) {
          return sharesContainer(mode) ? std::string("container") : mode;
        })}}};
  return type;
}

const StructType& ipcMode() {
  static const StructType type = {"container.IpcMode",
                                  {{"IsPrivate", is("private")},
                                   {"IsHost", is("host")},
                                   {"IsShareable", is("shareable")},
                                   {"IsNone", is("none")},
                                   {"IsEmpty", is("")},
                                   {"IsContainer", method(sharesContainer)},
                                   {"Container", method(containerOf)},
                                   {"Valid", method([](const std::string& mode) {
                                      return mode.empty() || mode == "none" || mode == "private" ||
                                             mode == "host" || mode == "shareable" ||
                                             sharesContainer(mode);
                                    })}}};
  return type;
}

const StructType& pidMode() {
  static const StructType type = {
      "container.PidMode",
      {{"IsHost", is("host")},
       {"IsContainer", method(sharesContainer)},
       {"Container", method(containerOf)},
       {"IsPrivate",
        method([](const std::string& mode) { return mode != "host" && !sharesContainer(mode); })},
       {"Valid", method([](const std::string& mode) {
          return mode.empty() || mode == "host" || !containerOf(mode).empty();
        })}}};
  return type;
}

// Of the host, or not.
StructType hostOrPrivate(const char* name, const char* priv) {
  const std::string own = priv;
  return {name,
          {{"IsHost", is("host")},
           {"IsEmpty", is("")},
           {"IsPrivate", method([own](const std::string& mode) {
              return own.empty() ? mode != "host" : mode == own;
            })},
           {"Valid", method([own](const std::string& mode) {
              return mode.empty() || mode == "host" || (!own.empty() && mode == own);
            })}}};
}

const StructType& port() {
  const auto number = [](const std::string& port) {
    return std::string(base::cut(port, '/').first);
  };
  static const StructType type = {
      "nat.Port",
      {{"Port", method(number)},
       {"Proto", method([](const std::string& port) {
          return std::string(base::cut(port, '/').second.value_or("tcp"));
        })},
       {"Int", method([number](const std::string& port) {
          return static_cast<std::int64_t>(base::parseInt(number(port)).value_or(0));
        })}}};
  return type;
}

const StructType& restartPolicy() {
  const auto named = [](std::string name) {
    return Method{{}, [name](const Data& self, Arguments) {
                    const Data* own = self.find("Name");
                    const std::string text = own ? own->text() : std::string();
                    return Data(text == name || (name == "no" && text.empty()));
                  }};
  };
  static const StructType type = {"container.RestartPolicy",
                                  {{"IsNone", named("no")},
                                   {"IsAlways", named("always")},
                                   {"IsOnFailure", named("on-failure")},
                                   {"IsUnlessStopped", named("unless-stopped")}}};
  return type;
}

Shape hostConfig() {
  static const StructType uts = hostOrPrivate("container.UTSMode", ""),
                          user = hostOrPrivate("container.UsernsMode", ""),
                          cgroup = hostOrPrivate("container.CgroupnsMode", "private");
  Shape shape;
  shape.names = {{"Dns", "DNS"},
                 {"DnsOptions", "DNSOptions"},
                 {"DnsSearch", "DNSSearch"},
                 {"CpuShares", "CPUShares"},
                 {"NanoCpus", "NanoCPUs"},
                 {"CpuPeriod", "CPUPeriod"},
                 {"CpuQuota", "CPUQuota"},
                 {"CpuRealtimePeriod", "CPURealtimePeriod"},
                 {"CpuRealtimeRuntime", "CPURealtimeRuntime"},
                 {"CpuCount", "CPUCount"},
                 {"CpuPercent", "CPUPercent"}};
  shape.embedded = {{"Resources", "CpuShares", "IOMaximumBandwidth"}};
  shape.types = {{"NetworkMode", &networkMode()}, {"IpcMode", &ipcMode()},
                 {"PidMode", &pidMode()},         {"UTSMode", &uts},
                 {"UsernsMode", &user},           {"CgroupnsMode", &cgroup},
                 {"PortBindings", &port()}};
  return shape;
}

Shape imageInspect() {
  Shape shape;
  shape.order = {"Id",
                 "RepoTags",
                 "RepoDigests",
                 "Parent",
                 "Comment",
                 "Created",
                 "Container",
                 "ContainerConfig",
                 "DockerVersion",
                 "Author",
                 "Config",
                 "Architecture",
                 "Variant",
                 "Os",
                 "OsVersion",
                 "Size",
                 "VirtualSize",
                 "GraphDriver",
                 "RootFS",
                 "Metadata",
                 "Descriptor",
                 "Manifests"};
  shape.names = {{"Id", "ID"}};
  shape.nilLists = {"Manifests"};
  return shape;
}

// What an image says of its containers is a type of its own, smaller than a container's.
Shape imageConfig() {
  Shape shape;
  shape.order = {"User",        "ExposedPorts", "Env",    "Entrypoint", "Cmd",
                 "Volumes",     "WorkingDir",   "Labels", "StopSignal", "ArgsEscaped",
                 "Healthcheck", "OnBuild",      "Shell"};
  shape.omitEmpty = true;
  shape.embedded = {{"ImageConfig", "User", "ArgsEscaped"},
                    {"DockerOCIImageConfigExt", "Healthcheck", "Shell"}};
  return shape;
}

Shape infoShape() {
  Shape shape;
  shape.names = {{"CpuCfsPeriod", "CPUCfsPeriod"},
                 {"CpuCfsQuota", "CPUCfsQuota"},
                 {"HttpProxy", "HTTPProxy"},
                 {"HttpsProxy", "HTTPSProxy"}};
  return shape;
}

Shapes makeShapes() {
  Shapes shapes;
  Shape& container = shapes["container.InspectResponse"];
  container.names = {{"Id", "ID"}};
  container.embedded = {{"ContainerJSONBase", "Id", "SizeRootFs"}};
  shapes["container.HostConfig"] = hostConfig();
  shapes["container.RestartPolicy"].methods = &restartPolicy();
  Shape& network = shapes["container.NetworkSettings"];
  network.embedded = {{"NetworkSettingsBase", "Bridge", "SecondaryIPv6Addresses"},
                      {"DefaultNetworkSettings", "EndpointID", "MacAddress"}};
  network.types = {{"Ports", &port()}};
  shapes["container.Config"].types = {{"ExposedPorts", &port()}};
  shapes["container.HealthcheckResult"].times = {"Start", "End"};
  shapes["nat.PortBinding"].names = {{"HostIp", "HostIP"}};
  shapes["image.InspectResponse"] = imageInspect();
  shapes["dockerspec.DockerOCIImageConfig"] = imageConfig();
  shapes["image.Metadata"].times = {"LastTagTime"};
  Shape& net = shapes["network.Inspect"];
  net.names = {{"Id", "ID"}};
  net.times = {"Created"};
  net.nilLists = {"Peers"};
  net.nilMaps = {"Services"};
  shapes["network.IPAMConfig"].names = {{"AuxiliaryAddresses", "AuxAddress"}};
  shapes["volume.Volume"].nilMaps = {"Status"};
  Shape& version = shapes["types.Version"];
  version.typeName = "*types.Version";
  version.names = {{"ApiVersion", "APIVersion"}};
  shapes["system.Info"] = infoShape();
  Shape& event = shapes["events.Message"];
  event.typeName = "*events.Message";
  event.names = {{"status", "Status"}, {"id", "ID"},     {"from", "From"},
                 {"scope", "Scope"},   {"time", "Time"}, {"timeNano", "TimeNano"}};
  return shapes;
}

}  // namespace

Data goShape(const Data& typed) {
  static const Shapes shapes = makeShapes();
  return gotemplate::reshape(typed, shapes);
}

}  // namespace commands
