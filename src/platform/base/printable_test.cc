#include "platform/base/printable.h"

#include <gtest/gtest.h>

namespace base {
namespace {

TEST(Printable, OrdinaryTextStays) {
  const std::string text = "manifest unknown: \"café\"\n\tzweite Zeile – 漢字 😀";
  EXPECT_EQ(printable(text), text);
  EXPECT_EQ(printable(""), "");
}

TEST(Printable, NothingThatATerminalObeysIsLeft) {
  EXPECT_EQ(printable("evil\x1b]0;title\x07\x1b[2Jtext\r\x7f"),
            "evil\\x1b]0;title\\x07\\x1b[2Jtext\\x0d\\x7f");
  EXPECT_EQ(printable("\xc2\x9b"
                      "2J"),
            "\\u009b2J");  // CSI as one character
  EXPECT_EQ(printable("\x9b"
                      "2J\xff\xc2"),
            "\\x9b2J\\xff\\xc2");
  EXPECT_EQ(printable(std::string_view("a\0b", 3)), "a\\x00b");
  EXPECT_EQ(printable("\xc2\xa0"), "\xc2\xa0");
}

}  // namespace
}  // namespace base
