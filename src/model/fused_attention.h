#pragma once

#include <torch/csrc/jit/ir/ir.h>

namespace attnviz {

/// Replaces every aten::scaled_dot_product_attention (LibTorch >= 2) by the operators that it
/// stands for, so that its softmax can be seen. Without dropout: the graph is run in evaluation
/// mode.
void open_fused_attention(const std::shared_ptr<torch::jit::Graph>& graph);

}  // namespace attnviz
