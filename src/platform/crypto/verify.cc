#include "platform/crypto/verify.h"

#include <arpa/inet.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <ctime>
#include <memory>
#include <vector>

#include "platform/base/strings.h"
#include "platform/base/time.h"

namespace crypto {
namespace {

bool isAddress(const std::string& host) {
  unsigned char buffer[16];
  return inet_pton(AF_INET, host.c_str(), buffer) == 1 ||
         inet_pton(AF_INET6, host.c_str(), buffer) == 1;
}

struct SubjectNames {
  std::vector<std::string> names;
  std::vector<std::string> addresses;
};

SubjectNames subjectNames(X509* leaf) {
  SubjectNames result;
  auto* const list =
      static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(leaf, NID_subject_alt_name, nullptr, nullptr));
  const std::unique_ptr<GENERAL_NAMES, decltype(&GENERAL_NAMES_free)> owner(list,
                                                                            GENERAL_NAMES_free);
  for (int i = 0; i < sk_GENERAL_NAME_num(list); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(list, i);
    if (name->type != GEN_DNS && name->type != GEN_IPADD) continue;
    const ASN1_STRING* value = name->type == GEN_DNS ? name->d.dNSName : name->d.iPAddress;
    const unsigned char* bytes = ASN1_STRING_get0_data(value);
    const int size = ASN1_STRING_length(value);
    if (name->type == GEN_DNS) {
      result.names.emplace_back(reinterpret_cast<const char*>(bytes), static_cast<size_t>(size));
    } else if (size == 4 || size == 16) {
      char text[INET6_ADDRSTRLEN];
      inet_ntop(size == 4 ? AF_INET : AF_INET6, bytes, text, sizeof text);
      result.addresses.emplace_back(text);
    }
  }
  return result;
}

std::string nameText(X509* leaf, const std::string& host) {
  const SubjectNames subject = subjectNames(leaf);
  if (isAddress(host)) {
    if (subject.addresses.empty()) {
      return "x509: cannot validate certificate for " + host +
             " because it doesn't contain any IP SANs";
    }
    return "x509: certificate is valid for " + base::join(subject.addresses, ", ") + ", not " +
           host;
  }
  if (subject.names.empty() && subject.addresses.empty()) {
    return "x509: certificate relies on legacy Common Name field, use SANs instead";
  }
  if (subject.names.empty()) {
    return "x509: certificate is not valid for any names, but wanted to match " + host;
  }
  return "x509: certificate is valid for " + base::join(subject.names, ", ") + ", not " + host;
}

bool namesMatch(X509* leaf, const std::string& host) {
  if (isAddress(host)) return X509_check_ip_asc(leaf, host.c_str(), 0) == 1;
  return X509_check_host(leaf, host.data(), host.size(), X509_CHECK_FLAG_NEVER_CHECK_SUBJECT,
                         nullptr) == 1;
}

std::string timeText(const ASN1_TIME* time) {
  std::tm parts{};
  if (ASN1_TIME_to_tm(time, &parts) != 1) return "an unreadable time";
  return base::formatRfc3339(base::Time::fromUnix(timegm(&parts)));
}

std::string dateText(X509* certificate) {
  const std::string now = base::formatRfc3339(base::Time::now());
  const bool early = X509_cmp_current_time(X509_get0_notBefore(certificate)) > 0;
  return "x509: certificate has expired or is not yet valid: current time " + now +
         (early ? " is before " + timeText(X509_get0_notBefore(certificate))
                : " is after " + timeText(X509_get0_notAfter(certificate)));
}

bool inDate(X509* certificate) {
  return X509_cmp_current_time(X509_get0_notBefore(certificate)) <= 0 &&
         X509_cmp_current_time(X509_get0_notAfter(certificate)) >= 0;
}

}  // namespace

std::string refusalText(x509_store_ctx_st* context, const std::string& host) {
  X509* const leaf = X509_STORE_CTX_get0_cert(context);
  const int error = X509_STORE_CTX_get_error(context);
  if (leaf != nullptr) {
    if (!inDate(leaf)) return dateText(leaf);
    if (!namesMatch(leaf, host)) return nameText(leaf, host);
  }
  switch (error) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
    case X509_V_ERR_CERT_NOT_YET_VALID:
      return dateText(X509_STORE_CTX_get_current_cert(context));
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_CERT_UNTRUSTED:
    case X509_V_ERR_CERT_SIGNATURE_FAILURE:
      return "x509: certificate signed by unknown authority";
    case X509_V_ERR_INVALID_PURPOSE:
      return "x509: certificate specifies an incompatible key usage";
    default:
      return std::string("x509: ") + X509_verify_cert_error_string(error);
  }
}

}  // namespace crypto
