#include "cli/commands/option_mounts.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include "platform/base/error_test_util.h"

namespace commands {
namespace {

using Strings = std::vector<std::string>;

using base::test::errorOf;

std::string mountError(const char* value) {
  return errorOf([&] { mountOption(value); });
}

TEST(MountOption, Kinds) {
  EXPECT_EQ(
      mountOption("type=bind,src=/tmp,dst=/t,ro,bind-propagation=rslave").write(),
      R"({"Type":"bind","Source":"/tmp","Target":"/t","ReadOnly":true,"BindOptions":{"Propagation":"rslave"}})");
  EXPECT_EQ(
      mountOption("dst=/q,volume-label=a=b,volume-subpath=z,volume-driver=d,volume-opt=x=y")
          .write(),
      R"({"Type":"volume","Target":"/q","VolumeOptions":{"Labels":{"a":"b"},"Subpath":"z","DriverConfig":{"Name":"d","Options":{"x":"y"}}}})");
  EXPECT_EQ(mountOption("type=tmpfs,dst=/z,tmpfs-size=1m,tmpfs-mode=1700").write(),
            R"({"Type":"tmpfs","Target":"/z","TmpfsOptions":{"SizeBytes":1048576,"Mode":960}})");
  EXPECT_EQ(mountOption("type=image,source=i,dst=/x,image-subpath=p").write(),
            R"({"Type":"image","Source":"i","Target":"/x","ImageOptions":{"Subpath":"p"}})");
}

TEST(MountOption, RelativeSourceBecomesAbsolute) {
  char here[4096];
  ASSERT_NE(::getcwd(here, sizeof here), nullptr);
  EXPECT_EQ(mountOption("type=bind,src=.,dst=/x")["Source"].asString(), here);
  EXPECT_EQ(mountOption("type=bind,src=./a/,dst=/x")["Source"].asString(),
            std::string(here) + "/a");
}

TEST(MountOption, Errors) {
  EXPECT_EQ(mountError("foo"), "invalid field 'foo' must be a key=value pair");
  EXPECT_EQ(mountError("type="), "type is required");
  EXPECT_EQ(mountError("type=bind"), "target is required");
  EXPECT_EQ(mountError("target=/x,readonly=foo"), "invalid value for readonly: foo");
  EXPECT_EQ(mountError("type=volume,foo=bar,target=/a"), "unexpected key 'foo' in 'foo=bar'");
  EXPECT_EQ(mountError("type=tmpfs,target=/y,tmpfs-size=foo"), "invalid value for tmpfs-size: foo");
  EXPECT_EQ(mountError("type=tmpfs,target=/y,tmpfs-mode=9"), "invalid value for tmpfs-mode: 9");
  EXPECT_EQ(mountError("type=volume,bind-propagation=shared,target=/y"),
            "cannot mix 'bind-*' options with mount type 'volume'");
  EXPECT_EQ(mountError("type=bind,volume-nocopy=true,source=/,target=/y"),
            "cannot mix 'volume-*' options with mount type 'bind'");
  EXPECT_EQ(mountError("type=bind,src=/tmp,dst=/x,bind-recursive=foo"),
            "invalid value for bind-recursive: foo (must be \"enabled\", \"disabled\", "
            "\"writable\", or \"readonly\")");
  EXPECT_EQ(mountError("type=bind,src=/tmp,dst=/x,bind-recursive=readonly"),
            "option 'bind-recursive=readonly' requires 'readonly' to be specified in conjunction");
  EXPECT_EQ(mountError("type=bind,bind-recursive=readonly,ro,src=/tmp,dst=/x"),
            "option 'bind-recursive=readonly' requires 'bind-propagation=rprivate' to be "
            "specified in conjunction");
}

TEST(VolumeOption, BindNamedAndAnonymous) {
  EXPECT_EQ(volumeOption("/a:/b:ro").bind, "/a:/b:ro");
  EXPECT_EQ(volumeOption("data:/b").bind, "data:/b");
  EXPECT_EQ(volumeOption("/anon").target, "/anon");
  EXPECT_TRUE(volumeOption("/anon").bind.empty());
  char here[4096];
  ASSERT_NE(::getcwd(here, sizeof here), nullptr);
  EXPECT_EQ(volumeOption("./x:/y").bind, std::string(here) + "/x:/y");
  EXPECT_EQ(volumeOption(".:/y:ro").bind, std::string(here) + ":/y:ro");
  EXPECT_EQ(errorOf([] { volumeOption(""); }), "invalid empty volume spec");
  EXPECT_EQ(errorOf([] { volumeOption("/a:"); }),
            "invalid spec: /a:: empty section between colons");
}

std::string published(const Strings& values) {
  PortBindings bindings;
  for (const std::string& value : values) addPublished(bindings, value);
  json::Value object = json::Value::object();
  for (auto& [port, list] : bindings) object.set(port, json::Value::array(list));
  return object.write();
}

TEST(Publish, Forms) {
  EXPECT_EQ(published({"80"}), R"({"80/tcp":[{"HostIp":"","HostPort":""}]})");
  EXPECT_EQ(published({"127.0.0.1:81:80/udp"}),
            R"({"80/udp":[{"HostIp":"127.0.0.1","HostPort":"81"}]})");
  EXPECT_EQ(published({"[::1]:5:6/sctp"}), R"({"6/sctp":[{"HostIp":"::1","HostPort":"5"}]})");
  EXPECT_EQ(
      published({"8000-8001:80-81"}),
      R"({"80/tcp":[{"HostIp":"","HostPort":"8000"}],"81/tcp":[{"HostIp":"","HostPort":"8001"}]})");
  EXPECT_EQ(published({"9000-9005:80"}), R"({"80/tcp":[{"HostIp":"","HostPort":"9000-9005"}]})");
  EXPECT_EQ(published({"published=8080,target=80,protocol=udp"}),
            R"({"80/udp":[{"HostIp":"","HostPort":"8080"}]})");
}

TEST(Publish, Errors) {
  const auto error = [](const char* value) {
    return errorOf([&] {
      PortBindings bindings;
      addPublished(bindings, value);
    });
  };
  EXPECT_EQ(error("foo"), "invalid containerPort: foo");
  EXPECT_EQ(error("80:foo"), "invalid containerPort: foo");
  EXPECT_EQ(error("99999:80"), "invalid hostPort: 99999");
  EXPECT_EQ(error("80-82:80-81"),
            "invalid ranges specified for container and host Ports: 80-81 and 80-82");
  EXPECT_EQ(error("a.b.c.d:80:80"), "invalid IP address: a.b.c.d");
  EXPECT_EQ(error("1:2:3:4"), "invalid IP address: 1:2");
  EXPECT_EQ(error("80/foo"), "invalid proto: foo");
  EXPECT_EQ(error(""), "no port specified: <empty>");
  EXPECT_EQ(error("127.0.0.1:"), "no port specified: 127.0.0.1:<empty>");
}

TEST(Expose, Ranges) {
  EXPECT_EQ(exposedPorts("70-72/udp"), (Strings{"70/udp", "71/udp", "72/udp"}));
  EXPECT_EQ(errorOf([] { exposedPorts("1:2"); }), "invalid port format for --expose: 1:2");
  EXPECT_EQ(errorOf([] { exposedPorts("foo"); }),
            "invalid range format for --expose: foo, error: strconv.ParseUint: parsing \"foo\": "
            "invalid syntax");
}

TEST(NetworkOption, LongForm) {
  const NetworkOption option =
      networkOption("name=n,alias=a,alias=b,ip=10.0.0.2,driver-opt=k=v,gw-priority=3");
  EXPECT_EQ(option.target, "n");
  EXPECT_EQ(option.aliases, (Strings{"a", "b"}));
  EXPECT_EQ(option.gatewayPriority, 3);
  EXPECT_EQ(endpointSettings(option)["IPAMConfig"].write(), R"({"IPv4Address":"10.0.0.2"})");
  EXPECT_EQ(networkOption("foo,bar").target, "foo,bar");
  EXPECT_EQ(networkOption("name=").target, "name=");
}

TEST(NetworkOption, Errors) {
  EXPECT_EQ(errorOf([] { networkOption("name=a,foo=b"); }), "invalid field key foo");
  EXPECT_EQ(errorOf([] { networkOption("name=a,alias"); }), "invalid field alias");
  EXPECT_EQ(errorOf([] { endpointSettings(networkOption("")); }), "no name set for network");
  EXPECT_EQ(errorOf([] {
              NetworkOption option = networkOption("host");
              option.aliases = {"x"};
              endpointSettings(option);
            }),
            "network-scoped aliases are only supported for user-defined networks");
  EXPECT_EQ(errorOf([] {
              NetworkOption option = networkOption("n");
              option.mac = "foo";
              endpointSettings(option);
            }),
            "foo is not a valid mac address");
}

}  // namespace
}  // namespace commands
