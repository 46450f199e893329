#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "platform/base/log.h"
#include "platform/base/strings.h"
#include "platform/crypto/hash.h"
#include "platform/json/json.h"
#include "storage/registry/repository_impl.h"

namespace registry {
namespace {

constexpr size_t kMaxManifest = 4u << 20;  // the limit registries themselves use
constexpr size_t kMaxTags = 100'000;
constexpr int kMaxPagesInVain = 16;
constexpr const char* kAccept =
    "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, "
    "application/vnd.docker.distribution.manifest.list.v2+json, "
    "application/vnd.docker.distribution.manifest.v2+json";

std::string mediaTypeOf(const http::ClientResponse& answer) {
  return std::string(base::trim(base::cut(answer.headers.get("Content-Type"), ';').first));
}

class HttpBlob : public BlobReader {
 public:
  HttpBlob(std::unique_ptr<http::ClientResponse> answer, std::uint64_t offset,
           std::optional<std::uint64_t> size)
      : answer_(std::move(answer)), offset_(offset), size_(size) {}
  std::uint64_t offset() const override { return offset_; }
  std::optional<std::uint64_t> size() const override { return size_; }
  size_t read(std::span<char> into) override { return answer_->read(into); }

 private:
  std::unique_ptr<http::ClientResponse> answer_;
  const std::uint64_t offset_;
  const std::optional<std::uint64_t> size_;
};

// "bytes 100-199/1000" -> {100, 1000}
std::optional<std::pair<std::uint64_t, std::optional<std::uint64_t>>> contentRange(
    std::string_view header) {
  if (!header.starts_with("bytes ")) return std::nullopt;
  const auto [range, total] = base::cut(header.substr(6), '/');
  const auto first = base::parseUint(base::cut(range, '-').first);
  if (!first) return std::nullopt;
  return std::pair(*first, total ? base::parseUint(*total) : std::nullopt);
}

// The next page of a Link header: <…>; rel="next"
std::string nextLink(const std::string& header) {
  const auto open = header.find('<');
  const auto close = header.find('>');
  if (open == std::string::npos || close == std::string::npos || close < open) return {};
  if (header.find("rel=\"next\"") == std::string::npos &&
      header.find("rel=next") == std::string::npos)
    return {};
  return header.substr(open + 1, close - open - 1);
}

}  // namespace

HttpRepository::HttpRepository(std::shared_ptr<Session> session, std::string path, std::string name)
    : session_(std::move(session)), root_("/v2/" + std::move(path)), name_(std::move(name)) {}

Manifest HttpRepository::manifest(const std::string& reference, const base::StopToken& stop) {
  Call call;
  call.target = root_ + "/manifests/" + reference;
  call.headers.set("Accept", kAccept);
  const auto answer = session_->send(call, stop);
  if (answer->contentLength > static_cast<long long>(kMaxManifest)) {
    base::fail(base::Code::kInvalidArgument, "manifest {} of {} has {} bytes: more than {}",
               reference, name_, answer->contentLength, kMaxManifest);
  }
  Manifest manifest{answer->readAll(kMaxManifest), mediaTypeOf(*answer), {}};
  const auto asked = base::Digest::tryParse(reference);
  manifest.digest = crypto::digestOf(
      manifest.body, asked ? crypto::algorithmOf(*asked) : crypto::Algorithm::kSha256);
  if (asked && *asked != manifest.digest) {
    base::fail(base::Code::kDataLoss,
               "manifest verification failed for digest {}: the registry sent {}", asked->str(),
               manifest.digest.str());
  }
  return manifest;
}

std::optional<ManifestHead> HttpRepository::head(const std::string& reference,
                                                 const base::StopToken& stop) {
  Call call;
  call.method = "HEAD";
  call.target = root_ + "/manifests/" + reference;
  call.headers.set("Accept", kAccept);
  const auto answer = session_->sendIfFound(call, stop);
  if (!answer) return std::nullopt;
  auto digest = base::Digest::tryParse(answer->headers.get("Docker-Content-Digest"));
  if (!digest) digest = manifest(reference, stop).digest;
  return ManifestHead{*digest, mediaTypeOf(*answer),
                      std::max<std::int64_t>(answer->contentLength, 0)};
}

std::unique_ptr<BlobReader> HttpRepository::blob(const base::Digest& digest, std::uint64_t offset,
                                                 const base::StopToken& stop) {
  Call call;
  call.target = root_ + "/blobs/" + digest.str();
  if (offset > 0) call.headers.set("Range", fmt::format("bytes={}-", offset));
  auto answer = session_->send(call, stop);
  std::uint64_t begin = 0;
  std::optional<std::uint64_t> size;
  if (answer->status == 206) {
    const auto range = contentRange(answer->headers.get("Content-Range"));
    if (!range)
      base::fail(base::Code::kUnavailable,
                 "the registry answered a range request without saying which range");
    begin = range->first;
    size = range->second;
  } else if (answer->contentLength >= 0) {
    size = static_cast<std::uint64_t>(answer->contentLength);
  }
  return std::make_unique<HttpBlob>(std::move(answer), begin, size);
}

std::vector<std::string> HttpRepository::tags(const base::StopToken& stop) {
  std::vector<std::string> all;
  std::set<std::string> known;
  int inVain = 0;  // pages in a row that brought nothing new
  std::string target = root_ + "/tags/list";
  while (!target.empty() && all.size() < kMaxTags) {
    Call call;
    call.target = target;
    const auto answer = session_->send(call, stop);
    const json::Value page = json::Value::parse(answer->readAll());
    const size_t before = all.size();
    if (page["tags"].isArray()) {
      for (const json::Value& tag : page["tags"].asArray()) {
        if (tag.isString() && known.insert(tag.asString()).second) all.push_back(tag.asString());
      }
    }
    inVain = all.size() > before ? 0 : inVain + 1;
    if (inVain > kMaxPagesInVain) {
      base::fail(base::Code::kUnavailable,
                 "the list of tags of {} does not end: {} pages in a row have none that is new",
                 name_, inVain);
    }
    const std::string next = nextLink(answer->headers.get("Link"));
    target = next.empty() ? "" : session_->absolute(target, next);
  }
  return all;
}

std::optional<std::uint64_t> HttpRepository::blobSize(const base::Digest& digest,
                                                      const base::StopToken& stop) {
  Call call;
  call.method = "HEAD";
  call.target = root_ + "/blobs/" + digest.str();
  const auto answer = session_->sendIfFound(call, stop);
  if (!answer) return std::nullopt;
  return static_cast<std::uint64_t>(std::max<std::int64_t>(answer->contentLength, 0));
}

bool HttpRepository::mount(const base::Digest& digest, const std::string& from,
                           const base::StopToken& stop) {
  const std::string scope = "repository:" + from + ":pull";
  session_->widen(scope);
  Call call;
  call.method = "POST";
  call.target = fmt::format("{}/blobs/uploads/?mount={}&from={}", root_,
                            http::percentEncode(digest.str()), http::percentEncode(from));
  std::unique_ptr<http::ClientResponse> answer;
  try {
    answer = session_->send(call, stop);
  } catch (const RegistryError&) {
    // Some token services refuse everything to who asks for one thing too much.
    session_->narrow(scope);
    throw;
  }
  answer->readAll();
  if (answer->status == 201) return true;
  // 202: the registry began an upload instead; it is not needed.
  if (const std::string location = answer->headers.get("Location"); !location.empty()) {
    Call cancel;
    cancel.method = "DELETE";
    cancel.target = session_->absolute(call.target, location);
    try {
      session_->send(cancel, stop)->readAll();
    } catch (const base::Error& error) {
      base::log::debug("an upload could not be cancelled; the registry purges it by itself",
                       {{"error", error.message()}});
    }
  }
  return false;
}

void HttpRepository::upload(const std::function<size_t(std::span<char>)>& source,
                            std::int64_t length, const std::function<base::Digest()>& digest,
                            const base::StopToken& stop) {
  Call begin;
  begin.method = "POST";
  begin.target = root_ + "/blobs/uploads/";
  const auto begun = session_->send(begin, stop);
  begun->readAll();
  std::string location = begun->headers.get("Location");
  if (location.empty())
    base::fail(base::Code::kUnavailable, "the registry began an upload without saying where");
  location = session_->absolute(begin.target, location);

  Call data;
  data.method = "PATCH";
  data.target = location;
  data.headers.set("Content-Type", "application/octet-stream");
  data.source = source;
  data.sourceLength = length;
  const auto sent = session_->send(data, stop);
  sent->readAll();
  if (const std::string next = sent->headers.get("Location"); !next.empty())
    location = session_->absolute(location, next);

  Call finish;
  finish.method = "PUT";
  finish.target = location + (location.find('?') == std::string::npos ? "?" : "&") +
                  "digest=" + http::percentEncode(digest().str());
  session_->send(finish, stop)->readAll();
}

base::Digest HttpRepository::putManifest(const std::string& reference, const std::string& mediaType,
                                         const std::string& body, const base::StopToken& stop) {
  Call call;
  call.method = "PUT";
  call.target = root_ + "/manifests/" + reference;
  call.headers.set("Content-Type", mediaType);
  call.body = body;
  const auto answer = session_->send(call, stop);
  answer->readAll();
  const base::Digest ours = crypto::digestOf(body);
  const auto theirs = base::Digest::tryParse(answer->headers.get("Docker-Content-Digest"));
  if (theirs && theirs->algorithm() == "sha256" && *theirs != ours) {
    base::fail(base::Code::kDataLoss,
               "the registry stored another manifest ({}) than was sent ({})", theirs->str(),
               ours.str());
  }
  return ours;
}

}  // namespace registry
