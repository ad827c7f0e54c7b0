#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

#include "attnviz/gpt.h"

namespace attnviz {

/// Keeps training to some heads: weights that no head of them owns lose their gradient, and those
/// that they share a matrix with are put back after every step, since weight decay and momentum
/// move them without one.
class OnlyHeads {
 public:
  /// No heads: everything is trained. Throws UsageError for heads that do not exist, or of shared
  /// layers not all that are the same weights.
  OnlyHeads(const Gpt& gpt, const std::vector<HeadId>& heads);

  void mask_gradients();
  void restore_others();

 private:
  struct Part {
    at::Tensor parameter;
    at::Tensor is_trained;  // of its shape, bool
    at::Tensor others;      // its values where it is not trained
  };
  std::vector<Part> parts_;
};

}  // namespace attnviz
