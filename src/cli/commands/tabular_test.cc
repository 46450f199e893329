#include "cli/commands/tabular.h"

#include <gtest/gtest.h>

namespace commands {
namespace {

TEST(AlignColumns, PadsToTheWidestCellAndThreeMore) {
  EXPECT_EQ(alignColumns("ID\tIMAGE\tNAMES\nabcdefabcdef\tb\tc\n"),
            "ID             IMAGE     NAMES\nabcdefabcdef   b         c\n");
}

TEST(AlignColumns, LastCellIsInNoColumn) {
  EXPECT_EQ(alignColumns("a\tx very long last cell\nb\ty\n"),
            "a         x very long last cell\nb         y\n");
}

TEST(AlignColumns, EmptyColumnHasTheMinimum) {
  EXPECT_EQ(alignColumns("a\t\tz\n"), "a                   z\n");
}

TEST(AlignColumns, LineWithoutTheCellEndsTheBlock) {
  EXPECT_EQ(alignColumns("abcdefghijklmnop\tx\nnone\nb\ty\n"),
            "abcdefghijklmnop   x\nnone\nb         y\n");
}

TEST(AlignColumns, CountsCodePoints) {
  EXPECT_EQ(alignColumns("\xc3\xa4\xc3\xb6\tx\n"), "\xc3\xa4\xc3\xb6        x\n");
}

}  // namespace
}  // namespace commands
