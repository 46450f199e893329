// Columns from tab-separated text, as Go's text/tabwriter lays them out: a cell is what a tab ends,
// a column is a run of neighbouring lines that have the cell, as wide as its widest cell and
// `padding`, at least `minWidth`. What stands behind the last tab of a line is in no column. Width
// is counted in code points.
#pragma once

#include <string>
#include <string_view>

namespace commands {

std::string alignColumns(std::string_view text, size_t minWidth = 10, size_t padding = 3);

// Columns a text takes on the terminal, near enough: its code points.
size_t displayWidth(std::string_view text);

}  // namespace commands
