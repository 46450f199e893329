// What a call fails with, in tests.
#pragma once

#include <gtest/gtest.h>

#include <optional>
#include <string>

#include "platform/base/error.h"

namespace base::test {

// The message of the Error that `body` throws, "no error" without one. `code`: the kind that it has
// to be.
template <class Body>
std::string errorOf(Body&& body, std::optional<Code> code = {}) {
  try {
    body();
  } catch (const Error& error) {
    if (code) {
      EXPECT_EQ(error.code(), *code) << error.message();
    }
    return error.message();
  }
  return "no error";
}

}  // namespace base::test
