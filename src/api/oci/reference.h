// Names of images: [domain[:port]/]path[:tag][@digest], by the grammar of distribution/reference,
// and the short
// ("familiar") form that Docker shows: "busybox" is docker.io/library/busybox.
#pragma once

#include <compare>
#include <optional>
#include <string>
#include <string_view>

#include "platform/base/digest.h"

namespace oci {

class Reference {
 public:
  // Short forms are completed (docker.io, library/); no tag is added. Error kInvalidArgument in
  // Docker's words: "invalid reference format", "invalid reference format: repository name
  // (library/FOO) must be lowercase", "repository name must not be more than 255 characters",
  // "invalid repository name (…), cannot specify 64-byte hexadecimal strings".
  static Reference parse(std::string_view text);
  static std::optional<Reference> tryParse(std::string_view text);

  const std::string& domain() const { return domain_; }  // "docker.io"
  const std::string& path() const { return path_; }      // "library/busybox"
  const std::string& tag() const { return tag_; }        // may be empty
  const base::Digest& digest() const { return digest_; }
  bool isNameOnly() const { return tag_.empty() && digest_.empty(); }

  std::string name() const { return domain_ + "/" + path_; }
  std::string str() const;           // complete, with tag and digest
  std::string familiarName() const;  // "busybox", "user/app", "host:5000/app"
  std::string familiar() const;      // the same with tag and digest

  Reference withDefaultTag() const;  // :latest if it has neither tag nor digest
  // Error kInvalidArgument: "invalid tag format".
  Reference withTag(std::string_view tag) const;
  Reference withDigest(const base::Digest& digest) const;
  Reference nameOnly() const;

  // path.Match of `pattern` against the familiar form with and without tag, as `reference` filters
  // do. Error kInvalidArgument "syntax error in pattern".
  bool matches(std::string_view pattern) const;

  auto operator<=>(const Reference&) const = default;

 private:
  std::string domain_, path_, tag_;
  base::Digest digest_;
};

bool isTag(std::string_view text);  // [A-Za-z0-9_][A-Za-z0-9_.-]{0,127}

// Go's path.Match: * ? [a-z] [^a] and \, none of them matching '/'. Error kInvalidArgument "syntax
// error in pattern".
bool matchPath(std::string_view pattern, std::string_view text);

}  // namespace oci
