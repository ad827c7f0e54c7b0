#pragma once

#include <torch/csrc/jit/api/module.h>
#include <torch/csrc/jit/ir/ir.h>

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

namespace attnviz {

/// A module's method with a gate at every head. Inputs: self, input_ids, then a layer's gate
/// [heads, 1, 1] and shift (anything that may be added to [heads, T, d_head]), layer by layer.
/// Outputs: logits, then each layer's head outputs before the gate.
/// attention: which of the graph's softmax nodes are attention, as indices in their order.
/// Throws ModelError where the method returns no tensor first, or where a pattern is not multiplied
/// with values.
std::shared_ptr<torch::jit::Graph> gated_graph(const torch::jit::Module& module,
                                               const std::string& method,
                                               const std::vector<std::size_t>& attention);

}  // namespace attnviz
