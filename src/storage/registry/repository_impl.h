// The Repository that speaks HTTP.
#pragma once

#include "storage/registry/registry.h"
#include "storage/registry/session.h"

namespace registry {

class HttpRepository : public Repository {
 public:
  HttpRepository(std::shared_ptr<Session> session, std::string path, std::string name);

  Manifest manifest(const std::string& reference, const base::StopToken& stop) override;
  std::optional<ManifestHead> head(const std::string& reference,
                                   const base::StopToken& stop) override;
  std::unique_ptr<BlobReader> blob(const base::Digest& digest, std::uint64_t offset,
                                   const base::StopToken& stop) override;
  std::vector<std::string> tags(const base::StopToken& stop) override;
  std::optional<std::uint64_t> blobSize(const base::Digest& digest,
                                        const base::StopToken& stop) override;
  bool mount(const base::Digest& digest, const std::string& from,
             const base::StopToken& stop) override;
  void upload(const std::function<size_t(std::span<char>)>& source, std::int64_t length,
              const std::function<base::Digest()>& digest, const base::StopToken& stop) override;
  base::Digest putManifest(const std::string& reference, const std::string& mediaType,
                           const std::string& body, const base::StopToken& stop) override;
  const std::string& name() const override { return name_; }

 private:
  const std::shared_ptr<Session> session_;
  const std::string root_;  // "/v2/library/busybox"
  const std::string name_;
};

}  // namespace registry
