// A registry in the test's own process: it keeps what it is given, tells what it was asked, and can
// be made to misbehave.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "platform/base/strings.h"
#include "platform/crypto/hash.h"
#include "platform/http/server_test_util.h"
#include "platform/json/json.h"
#include "platform/json/value.h"

namespace registry::testing {

struct Seen {
  std::string method, path, query;
  http::Headers headers;
  std::string line() const { return method + " " + path; }
};

class FakeRegistry {
 public:
  // True: it has answered (or dropped the response, which cuts the connection).
  using Fault = std::function<bool(http::Request&, http::Response&)>;

  FakeRegistry()
      : server_(http::test::Net::kTcp, [this](http::Request request, http::ResponsePtr response) {
          serve(request, *response);
        }) {}

  std::string host() const { return "127.0.0.1:" + std::to_string(server_.where.port); }
  std::string url() const { return "http://" + host(); }
  int port() const { return server_.where.port; }

  // Asked before every answer.
  void setFault(Fault fault) {
    const std::lock_guard lock(mutex_);
    fault_ = std::move(fault);
  }
  // `fault` for the first `times` requests whose line ("GET /v2/…") contains `text`.
  void failTimes(int times, const std::string& text, Fault fault) {
    auto left = std::make_shared<std::atomic<int>>(times);
    setFault([left, text, fault = std::move(fault)](http::Request& request, http::Response& r) {
      if ((request.method + " " + request.path).find(text) == std::string::npos) return false;
      return (*left)-- > 0 && fault(request, r);
    });
  }

  base::Digest blob(const std::string& repository, const std::string& bytes) {
    const std::lock_guard lock(mutex_);
    const auto digest = crypto::digestOf(bytes);
    blobs_[digest.str()] = bytes;
    linked_.insert({repository, digest.str()});
    return digest;
  }
  base::Digest manifest(const std::string& repository, const std::string& tag,
                        std::string_view mediaType, const std::string& body) {
    const std::lock_guard lock(mutex_);
    return keep(repository, tag, std::string(mediaType), body);
  }
  bool has(const std::string& repository, const base::Digest& blob) const {
    const std::lock_guard lock(mutex_);
    return linked_.contains({repository, blob.str()});
  }
  void forget(const std::string& repository) {
    const std::lock_guard lock(mutex_);
    std::erase_if(linked_, [&](const auto& entry) { return entry.first == repository; });
    manifests_.erase(repository);
  }
  // {media type, body}; empty when there is none.
  std::pair<std::string, std::string> manifestOf(const std::string& repository,
                                                 const std::string& reference) const {
    const std::lock_guard lock(mutex_);
    const auto tags = manifests_.find(repository);
    if (tags == manifests_.end() || !tags->second.contains(reference)) return {};
    return tags->second.at(reference);
  }

  std::vector<Seen> log() const {
    const std::lock_guard lock(mutex_);
    return log_;
  }
  // The requests whose line contains `text`.
  std::vector<Seen> seen(const std::string& text) const {
    std::vector<Seen> found;
    for (const Seen& one : log()) {
      if (one.line().find(text) != std::string::npos) found.push_back(one);
    }
    return found;
  }
  void clearLog() {
    const std::lock_guard lock(mutex_);
    log_.clear();
  }

  std::atomic<size_t> page{1000};    // tags at a time
  std::atomic<bool> ranges{true};    // false: every answer begins at the first byte
  std::atomic<bool> mayMount{true};  // false: 202, an upload is begun instead

 private:
  base::Digest keep(const std::string& repository, const std::string& reference, std::string type,
                    const std::string& body) {
    const auto digest = crypto::digestOf(body);
    manifests_[repository][reference] = {type, body};
    manifests_[repository][digest.str()] = {std::move(type), body};
    return digest;
  }

  static void refuse(http::Response& response, int status, const std::string& word) {
    response.headers().set("Content-Type", "application/json");
    response.send(status, R"({"errors":[{"code":")" + word + R"(","message":"as told"}]})");
  }

  void serve(http::Request& request, http::Response& response) {
    Fault fault;
    {
      const std::lock_guard lock(mutex_);
      std::string text;
      for (const auto& [key, value] : request.query.all())
        text += (text.empty() ? "" : "&") + key + "=" + value;
      log_.push_back({request.method, request.path, text, request.headers});
      fault = fault_;
    }
    if (fault && fault(request, response)) return;
    if (request.path == "/v2/") return response.send(200, "{}");
    for (const std::string_view part : {"/manifests/", "/blobs/uploads/", "/blobs/", "/tags/"}) {
      const auto at = request.path.rfind(part);
      if (!request.path.starts_with("/v2/") || at == std::string::npos) continue;
      const std::string repository = request.path.substr(4, at - 4);
      const std::string rest = request.path.substr(at + part.size());
      if (part == "/manifests/") return manifests(request, response, repository, rest);
      if (part == "/blobs/uploads/") return uploads(request, response, repository, rest);
      if (part == "/blobs/") return sendBlob(request, response, repository, rest);
      return tags(request, response, repository);
    }
    refuse(response, 404, "NAME_UNKNOWN");
  }

  void manifests(http::Request& request, http::Response& response, const std::string& repository,
                 const std::string& reference) {
    const std::string body = request.body->readAll(8 << 20);
    std::unique_lock lock(mutex_);
    if (request.method == "PUT") {
      const auto digest = keep(repository, reference, request.headers.get("Content-Type"), body);
      lock.unlock();
      response.headers().set("Docker-Content-Digest", digest.str());
      return response.send(201);
    }
    const auto found = manifests_.find(repository);
    if (found == manifests_.end()) return refuse(response, 404, "NAME_UNKNOWN");
    const auto entry = found->second.find(reference);
    if (entry == found->second.end()) return refuse(response, 404, "MANIFEST_UNKNOWN");
    const auto [type, text] = entry->second;
    lock.unlock();
    response.headers().set("Content-Type", type);
    response.headers().set("Docker-Content-Digest", crypto::digestOf(text).str());
    response.send(200, text);
  }

  void sendBlob(http::Request& request, http::Response& response, const std::string& repository,
                const std::string& digest) {
    std::unique_lock lock(mutex_);
    if (!linked_.contains({repository, digest})) return refuse(response, 404, "BLOB_UNKNOWN");
    const std::string bytes = blobs_.at(digest);
    lock.unlock();
    const std::string range = request.headers.get("Range");
    if (!ranges || !range.starts_with("bytes=")) return response.send(200, bytes);
    const size_t from = std::stoul(range.substr(6));
    response.headers().set("Content-Range", "bytes " + std::to_string(from) + "-" +
                                                std::to_string(bytes.size() - 1) + "/" +
                                                std::to_string(bytes.size()));
    response.send(206, bytes.substr(from));
  }

  void uploads(http::Request& request, http::Response& response, const std::string& repository,
               const std::string& id) {
    const std::string body = request.body->readAll(64 << 20);
    const std::lock_guard lock(mutex_);
    if (request.method == "DELETE") {
      uploads_.erase(id);
      return response.send(204);
    }
    if (request.method == "POST") {
      const std::string mount = request.query.get("mount");
      if (mayMount && linked_.contains({request.query.get("from"), mount})) {
        linked_.insert({repository, mount});
        return response.send(201);
      }
      const std::string fresh = "u" + std::to_string(++last_upload_);
      uploads_[fresh] = "";
      response.headers().set("Location", "/v2/" + repository + "/blobs/uploads/" + fresh + "?s=1");
      return response.send(202);
    }
    const auto upload = uploads_.find(id);
    if (upload == uploads_.end()) return refuse(response, 404, "BLOB_UPLOAD_UNKNOWN");
    upload->second += body;
    if (request.method == "PATCH") {
      response.headers().set("Location", "/v2/" + repository + "/blobs/uploads/" + id + "?s=2");
      return response.send(202);
    }
    const std::string digest = request.query.get("digest");
    if (crypto::digestOf(upload->second).str() != digest)
      return refuse(response, 400, "DIGEST_INVALID");
    blobs_[digest] = upload->second;
    linked_.insert({repository, digest});
    uploads_.erase(upload);
    response.send(201);
  }

  void tags(http::Request& request, http::Response& response, const std::string& repository) {
    const std::lock_guard lock(mutex_);
    const auto found = manifests_.find(repository);
    if (found == manifests_.end()) return refuse(response, 404, "NAME_UNKNOWN");
    json::Value list = json::Value::array({});
    const std::string last = request.query.get("last");
    for (const auto& [reference, entry] : found->second) {
      if (reference.find(':') != std::string::npos || reference <= last) continue;
      if (list.asArray().size() == page) {
        response.headers().set("Link", "</v2/" + repository + "/tags/list?last=" +
                                           list.asArray().back().asString() + ">; rel=\"next\"");
        break;
      }
      list.asArray().push_back(reference);
    }
    json::Value body = json::Value::object();
    body.set("name", repository);
    body.set("tags", std::move(list));
    response.send(200, body.write());
  }

  mutable std::mutex mutex_;
  Fault fault_;
  std::map<std::string, std::string> blobs_;
  std::set<std::pair<std::string, std::string>> linked_;
  std::map<std::string, std::map<std::string, std::pair<std::string, std::string>>> manifests_;
  std::map<std::string, std::string> uploads_;
  std::vector<Seen> log_;
  int last_upload_ = 0;
  http::test::TestServer server_;  // the last: it serves as soon as it stands
};

// The first `count` bytes of the answer that is due, then the connection breaks.
inline FakeRegistry::Fault cutAfter(std::string bytes, size_t count) {
  return [bytes = std::move(bytes), count](http::Request&, http::Response& response) {
    response.headers().set("Content-Length", std::to_string(bytes.size()));
    response.begin(200);
    response.write(std::string_view(bytes).substr(0, count));
    return true;  // never ended
  };
}

inline FakeRegistry::Fault answering(int status, std::string body = "{}",
                                     std::map<std::string, std::string> headers = {}) {
  return [=](http::Request&, http::Response& response) {
    for (const auto& [name, value] : headers) response.headers().set(name, value);
    response.send(status, body);
    return true;
  };
}

}  // namespace registry::testing
