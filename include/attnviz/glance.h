#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "attnviz/figure.h"

namespace attnviz {

/// How many colours a terminal has.
enum class TerminalColours {
  none,     ///< weights are five shades of ░▒▓█
  palette,  ///< the 216 colours of xterm's cube
  all,      ///< 24 bits
};

struct GlanceOptions {
  std::size_t width = 80;  ///< columns of the terminal
  TerminalColours colours = TerminalColours::none;
  ColourScale scale = ColourScale::automatic;
  /// As FigureOptions has them. Where that leaves one head, it is drawn large, with its tokens.
  HeadChoice choice = {};
  Focus focus = {};
};

/// A figure for a terminal, of half blocks: two pixels a character. All heads side by side, in rows
/// of layers, or one head with its tokens; where there are more cells than pixels, a pixel shows
/// the largest weight under it. The future is left blank. The last line says what the colours span.
/// Lines are no wider than `width`, if that is 40 or more. Throws as layout_grid does.
[[nodiscard]] std::string glance(const View& view, const GlanceOptions& options);

}  // namespace attnviz
