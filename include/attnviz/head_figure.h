#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "attnviz/figure.h"
#include "attnviz/heads.h"

// What the heads of a model do, as a picture: HeadReport in, Drawing out; paint() and encode_png()
// of figure.h do the rest.
//
//     Drawing drawing = layout_head_summary(report, {.model = "gpt.pt"});
//     std::string png = encode_png(drawing, 150);
namespace attnviz {

struct HeadSummaryOptions {
  std::string model = {};  ///< in the title; may be empty
  /// One a head, layer by layer, as report.heads; none: not measured. Empty: for no head.
  std::vector<std::optional<double>> importance = {};
  std::string importance_title = "Loss change without the head, nats";
  int dpi = 150;
};

/// Layers × heads, layer 0 at the top. Left: the primary label of each head as a colour, with the
/// score that decided it and its flags as letters, all explained below. Right, one small map each:
/// normalised entropy, induction (on the probe, else on the texts), previous token, and importance,
/// or the first token where that was not measured. Scores are 0 to 1; importance has the unit of
/// its title and a scale from 0 to its largest value, or, where some are negative, as far below 0
/// as above it, 0 in white. A head without a score is grey; where a layer lacks one, nothing is
/// drawn: columns are the heads' numbers, so those that pruning left keep their places.
/// 13 inches wide for 8 or 12 heads; the height follows the layers. Letters shrink with the cells
/// and then are left out.
/// Throws FigureError for a report without heads or whose heads are not in ascending order, for an
/// importance that is not one a head, and for what figure.h says of dpi, size and fonts.
[[nodiscard]] Drawing layout_head_summary(const HeadReport& report,
                                          const HeadSummaryOptions& options = {});

/// One of several models of the same layers and heads, by number too, such as a training's
/// checkpoints.
struct HeadsOfModel {
  std::string name;
  const HeadReport* report = nullptr;  ///< not owned; may not be null
  /// As HeadSummaryOptions::importance.
  std::vector<std::optional<double>> importance = {};
};

struct HistoryOptions {
  std::string importance_title = "Loss change, nats";
  int dpi = 150;
};

/// One panel a score: previous token, current token, first token, induction, normalised entropy,
/// all 0 to 1, and importance on a scale of its own if each model has it. Rows are the heads that
/// there are (L0H0 first, a line between layers), columns the models in their order. Grey where
/// there is no score. Induction is the probe's if each model has it, else that on the texts. Throws
/// FigureError for fewer than two models, for models of other layers or heads (naming both), and as
/// layout_head_summary does.
[[nodiscard]] Drawing layout_head_history(std::span<const HeadsOfModel> models,
                                          const HistoryOptions& options = {});

}  // namespace attnviz
