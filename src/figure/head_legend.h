#pragma once

#include <string>
#include <vector>

#include "attnviz/heads.h"
#include "figure/sheet.h"

namespace attnviz {

/// What a colour or a letter of a map of heads means, and how many heads have it.
struct LegendEntry {
  Colour colour{};
  bool has_ground = true;  ///< the colour is shown
  std::string letter;      ///< on it; may be empty
  Colour letter_colour{};
  std::string name, count;
};

/// Primary labels that occur, the unclassified last.
[[nodiscard]] std::vector<LegendEntry> label_entries(const HeadReport& report);
/// Flags that occur, the gravest level first.
[[nodiscard]] std::vector<LegendEntry> flag_entries(const HeadReport& report);

/// Entries under a title, in columns of one width, read downwards.
struct Legend {
  std::string title;
  std::vector<LegendEntry> entries;
  double size = 0;    ///< of the letters, in pixels
  double width = 0;   ///< of all of it, in pixels
  double column = 0;  ///< from one column to the next, in pixels
  int rows = 0;
};
/// As many columns as `width` pixels allow.
[[nodiscard]] Legend plan_legend(const Sheet& sheet, const std::string& title,
                                 std::vector<LegendEntry> entries, double width);
[[nodiscard]] double height_of(const Sheet& sheet, const Legend& legend);
void draw_legend(Sheet& sheet, const Legend& legend, double x, double y);

/// A letter on its ground, as flags are shown: in the middle of the box.
void draw_flag(Sheet& sheet, const Box& box, const LegendEntry& flag, double size);
[[nodiscard]] LegendEntry entry_of(const HeadFlag& flag);

/// Gravest first: those of a higher level before others.
[[nodiscard]] std::vector<HeadFlag> by_gravity(std::vector<HeadFlag> flags);

}  // namespace attnviz
