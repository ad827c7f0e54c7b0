#pragma once

#include <ATen/core/Tensor.h>

#include <span>
#include <string>
#include <vector>

#include "attnviz/head_figure.h"
#include "figure/head_values.h"

namespace attnviz {

/// The layers and heads that all models have. Throws FigureError as layout_head_history does.
[[nodiscard]] HeadShape common_shape(std::span<const HeadsOfModel> models);

/// One score over the models.
struct HistoryPanel {
  std::vector<HeadNumbers> models;  ///< one a model
  ValueScale scale;
  bool is_unit = true;     ///< on the scale that all such panels share
  bool is_probed = false;  ///< a score on repeated random tokens
};

/// In their order in the figure; importance, if each model has it, is the last.
[[nodiscard]] std::vector<HistoryPanel> history_panels(std::span<const HeadsOfModel> models,
                                                       const HeadShape& shape,
                                                       const std::string& importance_title);

/// [head, model] float32, NaN where there is no number.
[[nodiscard]] at::Tensor tensor_of(const HistoryPanel& panel, int n_heads);

}  // namespace attnviz
