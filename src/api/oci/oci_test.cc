#include <gtest/gtest.h>

#include "api/oci/image_spec.h"
#include "api/oci/platform.h"
#include "api/oci/reference.h"
#include "api/oci/runtime_spec.h"
#include "platform/base/error_test_util.h"

namespace oci {
namespace {

// Everything here is refused as an invalid argument.
template <class Body>
std::string errorOf(Body&& body) {
  return base::test::errorOf(body, base::Code::kInvalidArgument);
}

const std::string kHex(64, 'a');

TEST(Reference, IsCompletedAndShortenedAgain) {
  struct Case {
    std::string text, complete, familiar;
  };
  const Case cases[] = {
      {"busybox", "docker.io/library/busybox", "busybox"},
      {"busybox:1.36", "docker.io/library/busybox:1.36", "busybox:1.36"},
      {"user/app", "docker.io/user/app", "user/app"},
      {"docker.io/busybox", "docker.io/library/busybox", "busybox"},
      {"index.docker.io/library/busybox:latest", "docker.io/library/busybox:latest",
       "busybox:latest"},
      {"127.0.0.1:5000/app", "127.0.0.1:5000/app", "127.0.0.1:5000/app"},
      {"localhost/x", "localhost/x", "localhost/x"},
      {"Foo/bar", "Foo/bar", "Foo/bar"},
      {"Foo.com/bar", "Foo.com/bar", "Foo.com/bar"},
      {"[::1]:5000/a/b:t", "[::1]:5000/a/b:t", "[::1]:5000/a/b:t"},
      {"docker.io/library/a/b", "docker.io/library/a/b", "library/a/b"},
      {"x@sha256:" + kHex, "docker.io/library/x@sha256:" + kHex, "x@sha256:" + kHex},
      {"x:t@sha256:" + kHex, "docker.io/library/x:t@sha256:" + kHex, "x:t@sha256:" + kHex},
  };
  for (const Case& test : cases) {
    const Reference reference = Reference::parse(test.text);
    EXPECT_EQ(reference.str(), test.complete);
    EXPECT_EQ(reference.familiar(), test.familiar);
    EXPECT_EQ(Reference::parse(reference.familiar()), reference);
    EXPECT_EQ(Reference::parse(reference.str()), reference);
  }
  EXPECT_EQ(Reference::parse("busybox").withDefaultTag().familiar(), "busybox:latest");
  EXPECT_EQ(Reference::parse("x@sha256:" + kHex).withDefaultTag().tag(), "");
  EXPECT_EQ(Reference::parse("a/b:c").nameOnly().familiar(), "a/b");
  EXPECT_EQ(Reference::parse("e_f--g/h__i").path(), "e_f--g/h__i");
}

TEST(Reference, RefusesInDockersWords) {
  const std::pair<std::string, std::string> cases[] = {
      {"", "invalid reference format"},
      {"foo:", "invalid reference format"},
      {"a//b", "invalid reference format"},
      {"foo@sha256:12", "invalid reference format"},
      {":x", "invalid reference format"},
      {"foo:bar:baz", "invalid reference format"},
      {"foo.com/", "invalid reference format"},
      {"-x", "invalid reference format"},
      {"foo:-x", "invalid reference format"},
      {"x@y", "invalid reference format"},
      {"a___b", "invalid reference format"},
      {"a..b", "invalid reference format"},
      {"host:port/x", "invalid reference format"},
      {"x:" + std::string(129, 't'), "invalid reference format"},
      {"x@md5:" + kHex, "unsupported digest algorithm"},
      {"x@sha256:" + kHex.substr(1), "invalid checksum digest length"},
      {"FOO", "invalid reference format: repository name (library/FOO) must be lowercase"},
      {kHex, "invalid repository name (" + kHex + "), cannot specify 64-byte hexadecimal strings"},
      {std::string(256, 'a'), "repository name must not be more than 255 characters"},
  };
  for (const auto& [text, error] : cases) {
    EXPECT_EQ(errorOf([&] { Reference::parse(text); }), error) << text;
    EXPECT_FALSE(Reference::tryParse(text));
  }
  EXPECT_EQ(errorOf([] { Reference::parse("x").withTag("-"); }), "invalid tag format");
}

TEST(Reference, FilterPatternsAreGosPathMatch) {
  const Reference reference = Reference::parse("127.0.0.1:5000/team/app:v1");
  EXPECT_TRUE(reference.matches("127.0.0.1:5000/*/app"));
  EXPECT_TRUE(reference.matches("127.0.0.1:5000/team/app:v?"));
  EXPECT_FALSE(reference.matches("127.0.0.1:5000/*"));
  EXPECT_TRUE(Reference::parse("busybox:latest").matches("b*x"));
  EXPECT_TRUE(matchPath("[a-c]*[^x]", "bay"));
  EXPECT_FALSE(matchPath("[a-c]*[^x]", "bax"));
  EXPECT_TRUE(matchPath("a\\*", "a*"));
  EXPECT_FALSE(matchPath("a?b", "a/b"));
  EXPECT_TRUE(matchPath("*a*b*c", "xaybzc"));
  EXPECT_FALSE(matchPath("*", "a/b"));
  for (const char* pattern : {"[", "[]", "[a", "[a-", "[-]", "\\", "a[", "[^"})
    EXPECT_EQ(errorOf([&] { matchPath(pattern, "a"); }), "syntax error in pattern") << pattern;
}

TEST(Platform, ParsesAndNormalizesAsContainerd) {
  const std::string host = Platform::host().architecture;
  const std::pair<const char*, std::string> cases[] = {
      {"linux", "linux/" + host},       {"amd64", "linux/amd64"},
      {"x86_64", "linux/amd64"},        {"linux/amd64", "linux/amd64"},
      {"Linux/X86-64", "linux/amd64"},  {"linux/arm/v7", "linux/arm/v7"},
      {"linux/arm", "linux/arm"},       {"linux/armel", "linux/arm/v6"},
      {"linux/arm64", "linux/arm64"},   {"linux/arm64/v8", "linux/arm64/v8"},
      {"linux/aarch64", "linux/arm64"}, {"windows(10.0)/amd64", "windows/amd64"},
      {"linux/foo", "linux/foo"},
  };
  for (const auto& [text, expected] : cases)
    EXPECT_EQ(Platform::parse(text).str(), expected) << text;
  EXPECT_EQ(Platform::parse("windows(10.0)/amd64").osVersion, "10.0");
  EXPECT_TRUE(Platform::parse("linux/arm64/v8").same(Platform::parse("linux/arm64")));
  EXPECT_TRUE(Platform::parse("linux/arm").same(Platform::parse("linux/arm/v7")));
  EXPECT_EQ(errorOf([] { Platform::parse("foo"); }),
            "\"foo\": unknown operating system or architecture: invalid argument");
  EXPECT_EQ(errorOf([] { Platform::parse("a/b/c/d"); }),
            "\"a/b/c/d\": cannot parse platform specifier: invalid argument");
  EXPECT_EQ(errorOf([] { Platform::parse("linux/"); }),
            "\"\" is an invalid component of \"linux/\": platform specifier component must match "
            "\"^[A-Za-z0-9_.-]+$\": invalid argument");
  EXPECT_EQ(
      errorOf([] { Platform::parse("%"); }),
      "\"%\" is an invalid OS component of \"%\": OSAndVersion specifier component must match "
      "\"^([A-Za-z0-9_-]+)(?:\\\\(([A-Za-z0-9_.-]*)\\\\))?$\": invalid argument");
}

TEST(Platform, JsonFormNeedsBothParts) {
  EXPECT_FALSE(Platform::parseJson(""));
  EXPECT_EQ(Platform::parseJson(R"({"os":"linux","architecture":"arm","variant":"v7"})")->str(),
            "linux/arm/v7");
  EXPECT_EQ(errorOf([] { Platform::parseJson(R"({"os":"linux"})"); }),
            "both OS and Architecture must be provided");
  EXPECT_EQ(errorOf([] { Platform::parseJson(R"({"variant":"v7"})"); }),
            "optional platform components provided, but OS and Architecture are missing");
  EXPECT_TRUE(
      errorOf([] { Platform::parseJson("linux"); }).starts_with("failed to parse platform: "));
}

TEST(Platform, OlderVariantsServeNewerHosts) {
  const auto rank = [](const char* wanted, const char* image) {
    return platformRank(Platform::parse(wanted), Platform::parse(image));
  };
  EXPECT_EQ(rank("linux/amd64", "linux/amd64"), 0);
  EXPECT_EQ(rank("linux/arm64", "linux/arm64/v8"), 0);
  EXPECT_LT(rank("linux/arm/v7", "linux/arm/v6"), rank("linux/arm/v7", "linux/arm/v5"));
  EXPECT_FALSE(rank("linux/arm/v6", "linux/arm/v7"));
  EXPECT_LT(rank("linux/arm64", "linux/arm/v7"), rank("linux/arm64", "linux/arm/v6"));
  EXPECT_TRUE(rank("linux/amd64", "linux/386"));
  EXPECT_LT(rank("linux/amd64/v3", "linux/amd64/v2"), rank("linux/amd64/v3", "linux/amd64"));
  EXPECT_FALSE(rank("linux/amd64", "linux/amd64/v2"));
  EXPECT_FALSE(rank("linux/amd64", "windows/amd64"));
  EXPECT_FALSE(rank("linux/amd64", "linux/arm64"));
}

TEST(ImageSpec, ConfigKeepsWhatItDoesNotKnow) {
  const std::string text =
      R"({"architecture":"amd64","config":{"Env":["A=<b>"],"Cmd":["sh"],"Labels":{"x":"y"},"Healthcheck":{"Test":["CMD",)"
      R"("true"],"Retries":2},"Hostname":"old","Image":""},"created":"2024-01-02T03:04:05.5Z","history":[{"created":)"
      R"("2024-01-02T03:04:05.5Z","created_by":"ADD x","empty_layer":true}],"os":"linux","rootfs":{"type":"layers",)"
      R"("diff_ids":["sha256:)" +
      kHex + R"("]},"moby.buildkit.x":{"a": [1]}})";
  const auto image = json::parse<Image>(text);
  EXPECT_EQ(image.config.healthcheck->retries, 2);
  EXPECT_EQ(image.rootfs.diffIds.at(0).str(), "sha256:" + kHex);
  EXPECT_TRUE(image.history.at(0).emptyLayer);
  EXPECT_EQ(json::write(image), text);
  EXPECT_NE(json::write(image, {.escapeHtml = true}).find("A=\\u003cb\\u003e"), std::string::npos);
}

TEST(ImageSpec, ManifestAndIndex) {
  const std::string manifest =
      R"({"schemaVersion":2,"mediaType":"application/vnd.docker.distribution.manifest.v2+json",)"
      R"("config":{"mediaType":"application/vnd.docker.container.image.v1+json","digest":"sha256:)" +
      kHex +
      R"(","size":7023},"layers":[{"mediaType":"application/vnd.docker.image.rootfs.diff.tar.gzip","digest":"sha256:)" +
      kHex + R"(","size":32654}]})";
  EXPECT_EQ(json::write(json::parse<Manifest>(manifest)), manifest);
  const std::string index =
      R"({"schemaVersion":2,"manifests":[{"mediaType":"application/vnd.oci.image.manifest.v1+json",)"
      R"("digest":"sha256:)" +
      kHex +
      R"(","size":5,"annotations":{"a":"b"},"platform":{"architecture":"arm",)"
      R"("os":"linux","variant":"v7"}}]})";
  EXPECT_EQ(json::write(json::parse<Index>(index)), index);
  EXPECT_EQ(errorOf([] { json::parse<Descriptor>(R"({"digest":"sha256:xyz"})"); }),
            "invalid digest \"sha256:xyz\"");
  EXPECT_TRUE(media::isManifest(media::kDockerManifest));
  EXPECT_TRUE(media::isIndex(media::kIndex));
  EXPECT_TRUE(media::isForeignLayer(media::kDockerForeignLayerGzip));
  EXPECT_TRUE(media::isLayer("application/vnd.oci.image.layer.v1.tar+zstd"));
  EXPECT_FALSE(media::isLayer(media::kConfig));
}

TEST(RuntimeSpec, ConfigSurvivesARoundTrip) {
  const std::string text =
      R"({"ociVersion":"1.0.2","process":{"terminal":true,"consoleSize":{"height":24,"width":80},"user":{"uid":0,"gid":0,)"
      R"("umask":18,"additionalGids":[10]},"args":["sh"],"env":["A=b"],"cwd":"/","capabilities":{"bounding":["CAP_KILL"]},)"
      R"("rlimits":[{"type":"RLIMIT_NOFILE","hard":18446744073709551615,"soft":100}],"noNewPrivileges":true,"oomScoreAdj":0},)"
      R"("root":{"path":"rootfs","readonly":true},"hostname":"h","mounts":[{"destination":"/proc","type":"proc",)"
      R"("source":"proc","options":["nosuid"]}],"hooks":{"prestart":[{"path":"/bin/true","timeout":5}]},"annotations":)"
      R"({"a":"b"},"linux":{"sysctl":{"net.core.somaxconn":"256"},"resources":{"devices":[{"allow":false,"access":"rwm"}],)"
      R"("memory":{"limit":67108864,"swap":-1,"swappiness":0},"cpu":{"shares":100,"quota":50000,"cpus":"0-1"},)"
      R"("pids":{"limit":50},"unified":{"cpu.idle":"1"}},"cgroupsPath":"/x","namespaces":[{"type":"pid"},{"type":"network",)"
      R"("path":"/run/netns/x"}],"devices":[{"path":"/dev/fuse","type":"c","major":10,"minor":229,"fileMode":438,"uid":0}],)"
      R"("seccomp":{"defaultAction":"SCMP_ACT_ERRNO","architectures":["SCMP_ARCH_X86_64"],"syscalls":[{"names":["clone"],)"
      R"("action":"SCMP_ACT_ALLOW","args":[{"index":0,"value":2114060288,"op":"SCMP_CMP_MASKED_EQ"}]}]},)"
      R"("maskedPaths":["/proc/kcore"],"readonlyPaths":["/proc/bus"]},"vm":{"x": 1}})";
  const auto spec = json::parse<Spec>(text);
  EXPECT_EQ(spec.linux->resources->memory->swap, -1);
  EXPECT_EQ(spec.process->oomScoreAdj, 0);
  EXPECT_EQ(spec.process->rlimits.at(0).hard, ~0ull);
  EXPECT_EQ(json::write(spec), text);
}

}  // namespace
}  // namespace oci
