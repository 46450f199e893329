#include "storage/volume/options.h"

#include <gtest/gtest.h>
#include <sys/mount.h>

#include "platform/base/error.h"
#include "platform/sys/file.h"

namespace {

using volume::Options;

template <class Body>
std::string errorOf(Body&& body) {
  try {
    body();
    return "";
  } catch (const base::Error& error) {
    return error.message();
  }
}

TEST(VolumeName, IsCheckedInDockersWords) {
  for (const char* good : {"ab", "a-b_c.d", "0x", "A.", "a-"})
    EXPECT_EQ(errorOf([&] { volume::validateName(good); }), "");
  EXPECT_EQ(errorOf([] { volume::validateName("x"); }),
            "volume name is too short, names should be at least two alphanumeric characters");
  for (const char* bad : {"/a", "..", ".a", "-a", "a b", "a/b", "a\n", "\xC3\xA9t"}) {
    EXPECT_NE(errorOf([&] { volume::validateName(bad); })
                  .find("includes invalid characters for a local volume name, only "
                        "\"[a-zA-Z0-9][a-zA-Z0-9_.-]\" are allowed. If you intended "
                        "to pass a host directory, use absolute path"),
              std::string::npos)
        << bad;
  }
  EXPECT_NE(errorOf([] { volume::validateName(std::string(256, 'a')); }), "");
  EXPECT_EQ(errorOf([] { volume::validateName(std::string(255, 'a')); }), "");
}

TEST(VolumeOptions, AreCheckedInDockersWords) {
  const auto error = [](const Options& options) {
    return errorOf([&] { volume::validateOptions(options); });
  };
  EXPECT_EQ(error({}), "");
  EXPECT_EQ(error({{"type", "tmpfs"}, {"device", "tmpfs"}}), "");
  EXPECT_EQ(error({{"type", ""}, {"device", ""}, {"o", ""}}), "");
  EXPECT_EQ(error({{"foo", "bar"}}), "invalid option: \"foo\"");
  EXPECT_EQ(error({{"TYPE", "tmpfs"}, {"device", "x"}}), "invalid option: \"TYPE\"");
  EXPECT_EQ(error({{"type", "tmpfs"}}), "missing required option: \"device\"");
  EXPECT_EQ(error({{"device", "tmpfs"}}), "missing required option: \"type\"");
  EXPECT_EQ(error({{"o", "size=1m"}}), "missing required option: \"device\"");
  EXPECT_EQ(error({{"size", "10m"}}), "quota size requested but no quota support");
  EXPECT_EQ(error({{"size", "bad"}}), "invalid size: 'bad'");
}

TEST(VolumeOptions, WordsBecomeFlagsAndTheRestGoesToTheFileSystem) {
  EXPECT_FALSE(volume::planMount({}).needed);
  EXPECT_FALSE(volume::planMount({{"type", ""}, {"device", ""}}).needed);
  const auto plan =
      volume::planMount({{"type", "nfs"},
                         {"device", ":/x"},
                         {"o", "addr=10.0.0.1,rw,nosuid,nolock,noatime,sync,rslave"}});
  EXPECT_TRUE(plan.needed);
  EXPECT_FALSE(plan.bind);
  EXPECT_EQ(plan.attributes, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOATIME);
  EXPECT_EQ(plan.cleared, MOUNT_ATTR_RDONLY);
  EXPECT_EQ(plan.propagation, MS_SLAVE | MS_REC);
  EXPECT_EQ(plan.flags, MS_NOSUID | MS_NOATIME | MS_SYNCHRONOUS);
  EXPECT_EQ(plan.data, "addr=10.0.0.1,nolock");
  EXPECT_EQ(plan.super,
            (std::vector<sys::MountOption>{
                {"addr", "10.0.0.1"}, {"nolock", std::nullopt}, {"sync", std::nullopt}}));
  const auto bind = volume::planMount({{"type", "none"}, {"device", "/x"}, {"o", "ro,rbind,rw"}});
  EXPECT_TRUE(bind.bind && bind.recursive);
  EXPECT_EQ(bind.attributes, 0u);
  EXPECT_TRUE(bind.super.empty());
}

TEST(VolumeMount, ErrorsReadAsDockersAndTellNoPassword) {
  const auto error = [](const Options& options) {
    return errorOf([&] { volume::makeVolumeMount(volume::planMount(options), "/v/_data"); });
  };
  EXPECT_EQ(error({{"type", "none"}, {"device", "/nonexistent"}, {"o", "bind"}}),
            "error while mounting volume '/v/_data': failed to mount local volume: mount "
            "/nonexistent:/v/_data, flags: "
            "0x1000: no such file or directory");
  EXPECT_EQ(error({{"type", "tmpfs"}, {"device", "tmpfs"}, {"o", "sizze=1m"}}),
            "error while mounting volume '/v/_data': failed to mount local volume: mount "
            "tmpfs:/v/_data, data: sizze=1m: "
            "invalid argument (tmpfs: Unknown parameter 'sizze')");
  EXPECT_EQ(error({{"type", "nosuchfs"}, {"device", "x"}}),
            "error while mounting volume '/v/_data': failed to mount local volume: mount "
            "x:/v/_data: no such device");
  const std::string secret =
      error({{"type", "tmpfs"}, {"device", "//h/s"}, {"o", "username=u,password=hunter2"}});
  EXPECT_NE(secret.find("password=****"), std::string::npos) << secret;
  EXPECT_EQ(secret.find("hunter2"), std::string::npos) << secret;
  EXPECT_NE(error({{"type", "nfs"}, {"device", ":/x"}, {"o", "addr=no.such.host.invalid"}})
                .find("error resolving passed in network volume address"),
            std::string::npos);
}

TEST(VolumeMount, BindsObeyTheirAttributes) {
  char name[] = "/tmp/sampan-options-XXXXXX";
  const std::string path = ::mkdtemp(name);
  const auto mount = volume::makeVolumeMount(
      volume::planMount({{"type", "none"}, {"device", path}, {"o", "bind,ro,noexec"}}), "x");
  EXPECT_NE(
      errorOf([&] { sys::openAt(mount.get(), "f", O_CREAT | O_WRONLY, 0600); }).find("read-only"),
      std::string::npos);
  sys::removeTree(AT_FDCWD, path);
}

}  // namespace
