#include "cli/commands/tabular.h"

#include <algorithm>
#include <vector>

#include "platform/base/strings.h"

namespace commands {
namespace {

using Lines = std::vector<std::vector<std::string>>;

bool hasColumn(const std::vector<std::string>& line, size_t column) {
  return column + 1 < line.size();
}

// Sets widths[line][column] for the column block that starts at `first`; returns its end.
size_t measureBlock(const Lines& lines, size_t first, size_t column, size_t minWidth,
                    size_t padding, std::vector<std::vector<size_t>>& widths) {
  size_t end = first, width = minWidth;
  for (; end < lines.size() && hasColumn(lines[end], column); ++end)
    width = std::max(width, displayWidth(lines[end][column]) + padding);
  for (size_t i = first; i < end; ++i) widths[i][column] = width;
  return end;
}

}  // namespace

size_t displayWidth(std::string_view text) {
  return std::count_if(text.begin(), text.end(),
                       [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; });
}

std::string alignColumns(std::string_view text, size_t minWidth, size_t padding) {
  Lines lines;
  size_t columns = 0;
  for (const std::string& line : base::split(text, '\n')) {
    lines.push_back(base::split(line, '\t'));
    columns = std::max(columns, lines.back().size());
  }
  std::vector<std::vector<size_t>> widths(lines.size());
  for (size_t i = 0; i < lines.size(); ++i) widths[i].resize(lines[i].size());
  for (size_t column = 0; column + 1 < columns; ++column) {
    for (size_t i = 0; i < lines.size();)
      i = hasColumn(lines[i], column) ? measureBlock(lines, i, column, minWidth, padding, widths)
                                      : i + 1;
  }
  std::string out;
  for (size_t i = 0; i < lines.size(); ++i) {
    if (i) out += '\n';
    for (size_t column = 0; column < lines[i].size(); ++column) {
      const std::string& cell = lines[i][column];
      out += cell;
      if (hasColumn(lines[i], column)) out.append(widths[i][column] - displayWidth(cell), ' ');
    }
  }
  return out;
}

}  // namespace commands
