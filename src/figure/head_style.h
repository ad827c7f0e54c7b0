#pragma once

#include <string>
#include <string_view>

#include "attnviz/figure.h"
#include "attnviz/heads.h"

namespace attnviz {

// How labels and flags look in a map of heads.

/// After Paul Tol's muted scheme, so that colour-blind readers tell them apart (a test computes
/// what they see); the most frequent label is a blue, uniform attention is a dark grey.
[[nodiscard]] Colour colour_of(LabelKind kind);
/// For a head that has none.
[[nodiscard]] Colour unclassified_colour();

/// As a label that is weak is filled: the same hue, paler.
[[nodiscard]] Colour paler(Colour colour);

/// Of a cell: its primary label's colour.
[[nodiscard]] Colour colour_of(const HeadFindings& head);

/// For a cell: "previous", "offset 3".
[[nodiscard]] std::string short_name(const HeadLabel& label);

/// What the flag's letter stands for, to follow it in a legend.
[[nodiscard]] std::string_view meaning_of(FlagKind kind);

/// What a flag's letter stands on: warnings and measured effects are seen first, a note is quiet,
/// and what is not a fault stands on the cell itself.
struct FlagLook {
  bool has_ground = false;
  Colour ground{}, letter{};
  std::string_view meaning;  ///< "red for a warning"
};
[[nodiscard]] FlagLook look_of(FlagLevel level);

}  // namespace attnviz
