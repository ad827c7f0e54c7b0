#pragma once

#include <cmath>
#include <string>
#include <vector>

#include "attnviz/change_figure.h"
#include "figure/fixtures.h"
#include "figure/geometry.h"

namespace attnviz {

/// L0H0, L1H1, L2H2 …, each of its own pattern before and after.
inline std::vector<ChangedPattern> make_changes(int n_heads, int n, float share = 0.7F) {
  const auto patterns = make_patterns({8, 8}, n);
  std::vector<ChangedPattern> heads;
  for (int i = 0; i < n_heads; ++i) {
    const auto before = patterns.layers[0][i % 8].contiguous();
    const auto other = patterns.layers[1][(i + 1) % 8];
    heads.push_back(
        {{i, i}, before, before + share * (other - before), "note " + std::to_string(i)});
  }
  return heads;
}

/// One head without weights but those that changed by that much in one cell.
inline std::vector<ChangedPattern> make_change(int n, int query, int key, float by) {
  auto before = at::zeros({n, n}), after = at::zeros({n, n});
  (by < 0 ? before : after)[query][key] = std::abs(by);
  return {{{3, 5}, before, after}};
}

/// As many labels as rows, or none where rows stand for several tokens.
inline Drawing draw(const std::vector<ChangedPattern>& heads,
                    const ChangeFigureOptions& options = {}) {
  const bool is_grouped = options.n_tokens > 0;
  const auto n = static_cast<int>(heads.at(0).before.size(0));
  return layout_changes(heads, make_labels(is_grouped ? 0 : n), question, options);
}

/// The texts that lie in the box.
inline std::vector<TextItem> inside(const Drawing& drawing, const Box& box) {
  std::vector<TextItem> texts;
  for (const auto& text : drawing.texts) {
    if (is_inside(corners_of(text), box)) texts.push_back(text);
  }
  return texts;
}

}  // namespace attnviz
