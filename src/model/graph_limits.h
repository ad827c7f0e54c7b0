#pragma once

#include <torch/csrc/jit/api/module.h>
#include <torch/csrc/jit/ir/ir.h>

#include <optional>

namespace attnviz {

/// What `value` is in `module`, where it is reached from the graph's first input through attributes
/// alone (self.block_0.n_heads); none for anything that is computed.
std::optional<c10::IValue> attribute_value(const torch::jit::Value* value,
                                           const torch::jit::Graph& graph,
                                           const torch::jit::Module& module);

/// Reads off the graph how large ids and positions may be: the tables that aten::embedding looks up
/// in, and the constant tensors that are sliced up to a length known only at run time.
void find_limits(const torch::jit::Graph& graph, const torch::jit::Module& module,
                 std::optional<std::int64_t>& vocabulary_size,
                 std::optional<std::int64_t>& n_positions);

}  // namespace attnviz
