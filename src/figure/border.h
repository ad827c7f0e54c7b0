#pragma once

#include "figure/choice.h"
#include "figure/sheet.h"

namespace attnviz {

/// Lines across a heatmap where the text ends that the model went on with: above the first query
/// and left of the first key that are the model's own, as far as there are cells on both sides.
/// Nothing where all is of one kind.
void draw_border(Sheet& sheet, const Box& heatmap, const Choice& choice, ColourMap colours);

}  // namespace attnviz
