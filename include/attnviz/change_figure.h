#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <span>
#include <string>

#include "attnviz/figure.h"
#include "attnviz/head_id.h"

// What changed in the attention of a few heads, as a picture: patterns before and after in, Drawing
// out; paint() and encode_png() of figure.h do the rest.
namespace attnviz {

/// One head before and after, such as L3H5 of two models on one text.
struct ChangedPattern {
  HeadId id;
  at::Tensor before, after;  ///< [query, key], both of the same size
  /// What changed, in words ("previous-token 0.91 → 0.40"); may be empty. The largest change of a
  /// weight is written without it.
  std::string note = {};
};

struct ChangeFigureOptions {
  /// Over the columns; long ones, such as names of files, lose their middles.
  std::string before = "Before", after = "After";
  bool causal = true;  ///< keys after the query are left blank
  /// Tokens that the G rows and columns stand for. More than G: each row and column is the mean of
  /// several neighbouring tokens, row i of tokens i * n_tokens / G to (i + 1) * n_tokens / G - 1.
  /// 0: one each.
  std::int64_t n_tokens = 0;
  int dpi = 150;
};

/// A row a head, in the order given: before, after, and the difference, after - before; over them
/// the head's name, its note and its largest change. `text` is quoted in the title.
/// All rows share two scales. Weights, viridis, from 0 to the figure's largest outside of row 0;
/// differences, blue to red, as far below 0 as above it, to the largest in size of all heads. 0 is
/// white; a line parts it from the blank future. Below 15 rows, differences that are not 0 are
/// written in their cells where they fit.
/// labels: one per position where each row is one token, else not looked at: the axes then have the
/// numbers of the tokens, as they have from 20 rows on.
/// Panels are squares of 3.2 inches, from five heads on smaller, down to 1.5. The picture is as
/// wide as they need, about 13 inches for one head, and its height follows the heads.
/// Throws FigureError for no heads and for what figure.h says of dpi, size and fonts, and
/// ShapeError where patterns are not square or not all of one size, where labels and positions
/// differ in number, and for n_tokens from 1 to G - 1. May be called from several threads at once.
[[nodiscard]] Drawing layout_changes(std::span<const ChangedPattern> heads,
                                     std::span<const Label> labels, const std::string& text,
                                     const ChangeFigureOptions& options = {});

}  // namespace attnviz
