#pragma once

#include <filesystem>
#include <functional>
#include <vector>

#include "attnviz/gated_model.h"
#include "attnviz/survey.h"

namespace attnviz {

/// What heads are worth to the loss on some texts. Texts of fewer than two tokens have none.
class Effects {
 public:
  using Visit = std::function<void(const TokenIds&)>;
  /// for_each_text: shows every text to its argument, as often as it is called.
  Effects(const std::filesystem::path& model, const ModelOptions& options,
          const StatisticsOptions& statistics, std::function<void(const Visit&)> for_each_text);

  /// One a set of heads: the change of loss when all of it is taken out, or |dL/dgate| of a gate on
  /// all of it. The text counts as one, whatever its length.
  [[nodiscard]] std::vector<Statistic> of_sets(const std::vector<std::vector<HeadId>>& sets,
                                               ImportanceKind kind);

  /// What labels are told of each head. of_heads: of_sets of single_heads().
  [[nodiscard]] std::vector<HeadMeasures> measures(const std::vector<Statistic>& of_heads,
                                                   ImportanceKind kind) const;

  [[nodiscard]] std::vector<HeadId> heads() const {
    return all_heads(model_.n_heads(), model_.kept_heads());
  }
  /// Each head as a set of its own.
  [[nodiscard]] std::vector<std::vector<HeadId>> single_heads() const;
  [[nodiscard]] GatedModel& model() { return model_; }
  /// Per layer [heads, d_head]: each head's mean output over texts and positions.
  [[nodiscard]] const std::vector<at::Tensor>& means() const { return means_; }
  /// Mean over texts, nats per token.
  [[nodiscard]] double loss() const { return loss_; }

 private:
  void look_at_outputs();

  GatedModel model_;
  StatisticsOptions statistics_;
  std::function<void(const Visit&)> for_each_text_;
  HeadGates open_;
  std::vector<at::Tensor> means_;
  std::vector<double> output_ratios_;  // one a head: mean norm of its output over its layer's mean
  double loss_ = 0;
};

}  // namespace attnviz
