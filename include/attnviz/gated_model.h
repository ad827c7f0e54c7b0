#pragma once

#include <ATen/core/Tensor.h>

#include <filesystem>
#include <memory>
#include <vector>

#include "attnviz/model.h"
#include "attnviz/text.h"

namespace attnviz {

/// What takes part in a run besides the weights: every head's output z (pattern times values,
/// before the output projection) becomes gates * z + shifts.
struct HeadGates {
  std::vector<at::Tensor> gates;   ///< per layer [heads] float32; 1: as it is, 0: taken out
  std::vector<at::Tensor> shifts;  ///< per layer [heads, d_head] float32; empty: none
};

/// What one run shows of the heads.
struct GatedRun {
  double loss = 0;                  ///< mean next-token loss, nats per predicted token
  std::vector<at::Tensor> outputs;  ///< per layer [heads, T, d_head] float32: z, before its gate
};

/// A TorchScript GPT whose heads can be scaled, taken out or replaced by a constant as it runs.
/// Works on any module whose graph shows a matrix product of each pattern with the values.
///
///     GatedModel model("gpt.pt");
///     const double whole = model.run(ids, model.open_gates()).loss;
///     model.run(ids, model.without({{5, 1}})).loss - whole  // what L5H1 is worth
class GatedModel {
 public:
  /// Throws what Model throws, and ModelError where the model gives no logits or its heads' outputs
  /// cannot be found in its graph.
  explicit GatedModel(const std::filesystem::path& path, const ModelOptions& options = {});
  GatedModel(GatedModel&&) noexcept;
  GatedModel& operator=(GatedModel&&) noexcept;
  ~GatedModel();

  /// Of each layer; what gates and shifts are of. Which heads these are: kept_heads().
  [[nodiscard]] const std::vector<std::int64_t>& n_heads() const;
  [[nodiscard]] const KeptHeads& kept_heads() const;  ///< as Model::kept_heads

  /// All ones, no shifts: the model as it is.
  [[nodiscard]] HeadGates open_gates() const;

  /// These heads taken out: their gates 0, and their shifts the means where those are given.
  /// means: per layer [heads, d_head] float32, or empty. Throws UsageError as require_heads does,
  /// but for no heads at all.
  [[nodiscard]] HeadGates without(const std::vector<HeadId>& heads,
                                  const std::vector<at::Tensor>& means = {}) const;

  /// ids: two or more. Throws ModelError as Model::capture does, TextError for fewer than two ids,
  /// ShapeError for gates of other layers or heads.
  [[nodiscard]] GatedRun run(const TokenIds& ids, const HeadGates& gates);

  /// Per layer [heads] float32: the derivative of the loss by the head's gate, at open gates
  /// (Michel et al. 2019, before its absolute value). Throws as run does.
  [[nodiscard]] std::vector<at::Tensor> loss_gradient(const TokenIds& ids);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace attnviz
