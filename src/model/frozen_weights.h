#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

#include "attnviz/gpt.h"

namespace attnviz {

/// What training leaves as it is: all but some heads, and the silence of masked ones. Weights that
/// are not trained lose their gradient; those that share a matrix with trained ones are put back
/// after every step, since weight decay and momentum move them without one.
class FrozenWeights {
 public:
  /// only_heads: those that are trained; none: everything is, but that the columns of w_o of heads
  /// that were masked stay zero. Throws UsageError for heads that do not exist, or of shared layers
  /// not all that are the same weights.
  FrozenWeights(const Gpt& gpt, const std::vector<HeadId>& only_heads);

  void mask_gradients();
  void restore();

 private:
  void train_only(const Gpt& gpt, const std::vector<HeadId>& heads);
  void keep_silent(const Gpt& gpt, const std::vector<HeadId>& masked);

  struct Part {
    at::Tensor parameter;
    at::Tensor is_trained;  // of its shape, bool
    at::Tensor frozen;      // its values where it is not trained
  };
  std::vector<Part> parts_;
};

}  // namespace attnviz
