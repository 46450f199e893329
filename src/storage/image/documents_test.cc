// Manifests, indexes and configs: what is taken, what is refused, and what follows from them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "platform/base/error_test_util.h"
#include "platform/crypto/hash.h"
#include "storage/image/changes.h"
#include "storage/image/parts.h"
#include "storage/image/pull.h"
#include "storage/image/retry.h"

namespace image {
namespace {

using base::Code;
using base::test::errorOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

// ---- chain ids

TEST(ChainId, IsTheHashOfWhatIsBelow) {
  const std::vector<base::Digest> diffs = {crypto::digestOf("a"), crypto::digestOf("b"),
                                           crypto::digestOf("c")};
  EXPECT_EQ(chainIdOf(diffs, 1), diffs[0]);
  const auto two = crypto::digestOf(diffs[0].str() + " " + diffs[1].str());
  EXPECT_EQ(chainIdOf(diffs, 2), two);
  EXPECT_EQ(chainIdOf(diffs, 3), crypto::digestOf(two.str() + " " + diffs[2].str()));
}

// ---- platforms

oci::Index indexOf(const std::vector<std::string>& platforms) {
  oci::Index index;
  for (const std::string& platform : platforms) {
    oci::Descriptor one;
    one.mediaType = oci::media::kManifest;
    one.digest = crypto::digestOf(platform + std::to_string(index.manifests.size()));
    if (!platform.empty()) {
      one.platform.emplace();
      const auto slash = platform.find('/');
      one.platform->os = platform.substr(0, slash);
      one.platform->architecture = platform.substr(slash + 1);
      if (const auto variant = one.platform->architecture.find('/'); variant != std::string::npos) {
        one.platform->variant = one.platform->architecture.substr(variant + 1);
        one.platform->architecture.resize(variant);
      }
    }
    index.manifests.push_back(one);
  }
  return index;
}

// The place of the manifest that is chosen for `wanted`.
size_t chosen(const std::vector<std::string>& platforms, const std::string& wanted) {
  const oci::Index index = indexOf(platforms);
  const auto digest = choosePlatform(index, oci::Platform::parse(wanted).normalized()).digest;
  for (size_t i = 0; i < platforms.size(); ++i) {
    if (index.manifests[i].digest == digest) return i;
  }
  return platforms.size();
}

TEST(ChoosePlatform, TheBestMatchNotTheFirst) {
  EXPECT_EQ(chosen({"linux/arm64", "linux/amd64", "windows/amd64"}, "linux/amd64"), 1u);
  EXPECT_EQ(chosen({"linux/arm/v5", "linux/arm/v6", "linux/arm64"}, "linux/arm/v7"), 1u);
  EXPECT_EQ(chosen({"linux/arm/v5", "linux/arm/v7", "linux/arm/v6"}, "linux/arm/v7"), 1u);
  EXPECT_EQ(chosen({"linux/arm/v7", "linux/arm64"}, "linux/arm64"), 1u);
  EXPECT_EQ(chosen({"linux/arm64/v8"}, "linux/arm64"), 0u);
  EXPECT_EQ(chosen({"linux/x86_64"}, "linux/amd64"), 0u);
}

TEST(ChoosePlatform, OfEqualOnesTheFirst) {
  EXPECT_EQ(chosen({"linux/amd64", "linux/amd64"}, "linux/amd64"), 0u);
}

TEST(ChoosePlatform, AttestationsAreNoImages) {
  EXPECT_EQ(chosen({"unknown/unknown", "linux/amd64"}, "linux/amd64"), 1u);
  EXPECT_THAT(errorOf([] { chosen({"unknown/unknown"}, "linux/amd64"); }, Code::kNotFound),
              HasSubstr("no matching manifest for linux/amd64 in the manifest list entries"));
}

TEST(ChoosePlatform, TheOnlyOneWithoutAPlatformServesAnybody) {
  EXPECT_EQ(chosen({""}, "linux/s390x"), 0u);
  errorOf([] { chosen({"", ""}, "linux/s390x"); }, Code::kNotFound);
  errorOf([] { chosen({}, "linux/s390x"); }, Code::kNotFound);
}

// ---- documents

const std::string kManifest(oci::media::kManifest);
const std::string kIndex(oci::media::kIndex);

TEST(Document, IsOfOneKindOnly) {
  checkDocument(R"({"layers":[],"config":{}})", kManifest);
  checkDocument(R"({"mediaType":")" + kManifest + R"(","layers":[]})", kManifest);
  checkDocument(R"({"manifests":[]})", kIndex);
  EXPECT_THAT(errorOf([] { checkDocument(R"({"manifests":[],"layers":[]})", kManifest); },
                      Code::kInvalidArgument),
              HasSubstr("parts of another kind"));
  errorOf([] { checkDocument(R"({"manifests":[],"layers":[]})", kIndex); }, Code::kInvalidArgument);
  errorOf([] { checkDocument(R"({"manifests":[],"config":{}})", kIndex); }, Code::kInvalidArgument);
  EXPECT_THAT(errorOf([] { checkDocument(R"({"mediaType":")" + kIndex + R"("})", kManifest); },
                      Code::kInvalidArgument),
              HasSubstr("the document itself says \"" + kIndex + "\""));
}

TEST(Document, Schema1AndUnknownTypesAreRefusedByName) {
  for (const auto type : {oci::media::kDockerManifestV1, oci::media::kDockerManifestV1Signed})
    EXPECT_THAT(errorOf([&] { checkDocument("{}", std::string(type)); }, Code::kInvalidArgument),
                HasSubstr("manifest version 2, schema 1 are not supported"));
  EXPECT_EQ(errorOf([] { checkDocument("{}", "text/html"); }, Code::kInvalidArgument),
            "unsupported manifest media type \"text/html\"");
  errorOf([] { checkDocument("{}", ""); }, Code::kInvalidArgument);
}

TEST(Document, ThatIsNoJson) {
  for (const char* body : {"", "x", "{", "{} {}"})
    EXPECT_NE(errorOf([&] { checkDocument(body, kManifest); }), "no error") << body;
}

// ---- configs

TEST(Config, OfAnImage) {
  const auto config = parseConfig(
      R"({"os":"linux","architecture":"amd64","rootfs":{"type":"layers","diff_ids":["sha256:)" +
      std::string(64, 'a') +
      R"("]},"history":[{"created_by":"x"},{"created_by":"y","empty_layer":true}]})");
  EXPECT_EQ(config.rootfs.diffIds.size(), 1u);
  EXPECT_EQ(config.history.size(), 2u);
}

TEST(Config, WhatNoImageCanBeMadeOf) {
  EXPECT_THAT(errorOf([] { parseConfig(R"({"rootfs":{"type":"tree","diff_ids":[]}})"); },
                      Code::kInvalidArgument),
              HasSubstr("rootfs.type is \"tree\""));
  EXPECT_EQ(
      errorOf([] { parseConfig(R"({"rootfs":{"type":"layers","diff_ids":[]},"history":[{}]})"); },
              Code::kInvalidArgument),
      "too many non-empty layers in History section");
  EXPECT_NE(
      errorOf([] { parseConfig(R"({"rootfs":{"type":"layers","diff_ids":["sha256:ab"]}})"); }),
      "no error");
  std::string many;
  for (int i = 0; i < 501; ++i)
    many += (i ? ",\"" : "\"") + crypto::digestOf(std::to_string(i)).str() + "\"";
  EXPECT_THAT(
      errorOf([&] { parseConfig(R"({"rootfs":{"type":"layers","diff_ids":[)" + many + "]}}"); },
              Code::kInvalidArgument),
      HasSubstr("501 layers, more than 500"));
}

// ---- changes of import and commit

oci::ImageConfig changed(const std::vector<std::string>& changes) {
  oci::ImageConfig config;
  for (const std::string& change : changes) applyChange(config, change);
  return config;
}

TEST(Change, InstructionsOfADockerfile) {
  const auto config =
      changed({"CMD [\"a\", \"b\"]", "entrypoint echo hi", "ENV A=1 B=\"two words\"", "ENV A=2",
               "ENV C the rest", "EXPOSE 80 53/udp", "LABEL l=v", "USER 1:2", "VOLUME [\"/v\"]",
               "VOLUME /w /x", "WORKDIR /a", "WORKDIR b", "STOPSIGNAL SIGINT", "ONBUILD RUN x"});
  EXPECT_THAT(config.cmd, ElementsAre("a", "b"));
  EXPECT_THAT(config.entrypoint, ElementsAre("/bin/sh", "-c", "echo hi"));
  EXPECT_THAT(config.env, ElementsAre("A=2", "B=two words", "C=the rest"));
  EXPECT_TRUE(config.exposedPorts.contains("80/tcp") && config.exposedPorts.contains("53/udp"));
  EXPECT_EQ(config.labels.at("l"), "v");
  EXPECT_EQ(config.user, "1:2");
  EXPECT_EQ(config.volumes.size(), 3u);
  EXPECT_EQ(config.workingDir, "/a/b");
  EXPECT_EQ(config.stopSignal, "SIGINT");
  EXPECT_THAT(config.onBuild, ElementsAre("RUN x"));
  EXPECT_THAT(changed({"CMD [\"x\""}).cmd, ElementsAre("/bin/sh", "-c", "[\"x\""));
  EXPECT_TRUE(changed({"CMD x", "CMD"}).cmd.empty());
}

TEST(Change, ThatIsNone) {
  EXPECT_EQ(errorOf([] { changed({"RUN x"}); }, Code::kInvalidArgument),
            "RUN is not a valid change command");
  for (const char* wrong : {"ENV", "ENV A", "LABEL", "USER", "VOLUME", "WORKDIR", "STOPSIGNAL",
                            "EXPOSE", "ONBUILD", "", "ENV A=1 =2", "VOLUME [\"/v\""})
    EXPECT_NE(errorOf([&] { changed({wrong}); }), "no error") << wrong;
  errorOf([] { changed({"HEALTHCHECK CMD x"}); }, Code::kNotImplemented);
}

// ---- asking again

registry::RegistryError refusal(int status, int after = 0) {
  return {Code::kUnavailable, "x", status, "", after};
}

TEST(Retry, BusyRegistriesAndBrokenConnectionsAreTemporary) {
  for (const int status : {429, 500, 502, 503}) EXPECT_TRUE(temporary(refusal(status))) << status;
  for (const int status : {400, 401, 403, 404}) EXPECT_FALSE(temporary(refusal(status))) << status;
  EXPECT_TRUE(temporary(base::Error(Code::kUnavailable, "x", ECONNREFUSED)));
  EXPECT_FALSE(temporary(base::Error(Code::kDataLoss, "x")));
  EXPECT_FALSE(temporary(base::Error(Code::kCancelled, "x")));
}

TEST(Retry, WaitsAsLongAsItIsAskedToOrDoubles) {
  EXPECT_EQ(delayAfter(refusal(429, 7), 3), 7);
  EXPECT_EQ(delayAfter(refusal(429), 1), 1);
  EXPECT_EQ(delayAfter(refusal(429), 4), 8);
  EXPECT_EQ(delayAfter(refusal(500), 20), 60);
  EXPECT_EQ(delayAfter(base::Error(Code::kUnavailable, "x"), 2), 2);
}

TEST(Retry, SmallRequestsOnlyWhereASecondTryMayHelp) {
  EXPECT_TRUE(worthAnotherTry(refusal(503), 2));
  EXPECT_FALSE(worthAnotherTry(refusal(429, 900), 900));
  EXPECT_FALSE(worthAnotherTry(refusal(404), 1));
  EXPECT_TRUE(worthAnotherTry(base::Error(Code::kUnavailable, "x", ECONNRESET), 1));
  EXPECT_FALSE(worthAnotherTry(base::Error(Code::kUnavailable, "x", ECONNREFUSED), 1));
  EXPECT_FALSE(worthAnotherTry(base::Error(Code::kUnavailable, "no such host"), 1));
}

TEST(Retry, PausesEndWithTheirToken) {
  const base::StopSource stop;
  stop.stop();
  errorOf([&] { pause(100, stop.token()); }, Code::kCancelled);
  int calls = 0;
  EXPECT_NE(errorOf([&] {
              retried(
                  [&]() -> int {
                    ++calls;
                    throw refusal(404);
                  },
                  {});
            }),
            "no error");
  EXPECT_EQ(calls, 1);
}

}  // namespace
}  // namespace image
