#pragma once

#include <array>

#include "attnviz/figure.h"

namespace attnviz {

// A picture of few colours is a palette PNG: a third of the bytes to compress. 217 colours of one
// colour map, 31 greys for text and lines and 7 blends along a colour bar's point make 255.

/// 216 = 8 * 27 steps, so that the nine colours ColorBrewer publishes are hit exactly.
inline constexpr int n_levels = 217;
inline constexpr int n_greys = 31;

/// The colour map at t in [0, 1], interpolated between its published colours.
[[nodiscard]] Colour colour_at(ColourMap map, double t);

/// The n_levels colours that cells are painted with, from the low end to the high one.
[[nodiscard]] const std::array<Colour, n_levels>& levels(ColourMap map);

/// Its middle stands for nothing, and both ends for much.
[[nodiscard]] constexpr bool diverges(ColourMap map) {
  return map == ColourMap::blue_red;
}

/// The level nearest to t; t outside [0, 1] has the end's level.
[[nodiscard]] constexpr int level_of(double t) {
  if (!(t > 0)) return 0;
  return t >= 1 ? n_levels - 1 : static_cast<int>(t * (n_levels - 1) + 0.5);
}

/// step 0 is black, n_greys - 1 is white.
[[nodiscard]] constexpr Colour grey(int step) {
  const auto value =
      static_cast<std::uint8_t>((step * 255 * 2 + n_greys - 1) / (2 * (n_greys - 1)));
  return {value, value, value};
}

inline constexpr Colour black = grey(0);
inline constexpr Colour white = grey(n_greys - 1);
inline constexpr Colour ink_colour = grey(4);       ///< titles and labels
inline constexpr Colour quiet_colour = grey(12);    ///< numbers of an axis, notes
inline constexpr Colour mark_colour = grey(16);     ///< what stands for something invisible
inline constexpr Colour frame_colour = grey(24);    ///< lines around panels
inline constexpr Colour missing_colour = grey(19);  ///< a cell that is not a number

/// WCAG 2's contrast ratio of two colours, 1 to 21.
[[nodiscard]] double contrast(Colour a, Colour b);

/// Black or white, whichever is read better on the background: 4.5 or more on any colour.
[[nodiscard]] Colour readable_on(Colour background);

}  // namespace attnviz
