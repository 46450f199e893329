// Why a certificate was refused, in the words of Go's crypto/x509.
#pragma once

#include <string>

struct x509_store_ctx_st;
struct x509_st;

namespace crypto {

// "x509: certificate signed by unknown authority" and the like, for a verification that failed.
// `host` is a name or an address. Go looks at the leaf's dates first, then at its names, then at
// the chain; OpenSSL the other way round.
std::string refusalText(x509_store_ctx_st* context, const std::string& host);

}  // namespace crypto
