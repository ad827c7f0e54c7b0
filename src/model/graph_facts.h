#pragma once

#include <torch/csrc/jit/api/module.h>
#include <torch/csrc/jit/ir/ir.h>

#include <filesystem>
#include <optional>
#include <vector>

#include "attnviz/text.h"

namespace attnviz {

/// What `value` is in `module`, where it is reached from the graph's first input through attributes
/// alone (self.block_0.n_heads); none for anything that is computed.
std::optional<c10::IValue> attribute_value(const torch::jit::Value* value,
                                           const torch::jit::Graph& graph,
                                           const torch::jit::Module& module);

/// What a graph tells of its model's sizes; none where it does not show it.
struct GraphFacts {
  std::optional<std::int64_t> vocabulary_size;  ///< rows of the table that the ids are looked up in
  std::optional<std::int64_t> d_model;          ///< its columns
  std::optional<at::Tensor> embeddings;         ///< the table itself, [vocabulary_size, d_model]
  /// The smallest size of a constant tensor that is looked up or sliced by position.
  std::optional<std::int64_t> n_positions;
  std::vector<double> norm_epsilons;  ///< of layer and RMS norms, each once, ascending
};

/// Looks at the tables that aten::embedding looks up in, and at the constant tensors that are
/// sliced up to a length known only at run time.
GraphFacts find_facts(const torch::jit::Graph& graph, const torch::jit::Module& module);

/// Throws TextError for no ids, ModelError for ids beyond the vocabulary or more than positions;
/// path: the model's, to name it.
void check_limits(const TokenIds& ids, const GraphFacts& facts, const std::filesystem::path& path);

/// How many different sets of query and key weights the graph's outputs (patterns, one a layer)
/// come from: fewer than layers where layers share theirs. None where there are no such weights to
/// see.
std::optional<std::int64_t> count_weight_sets(const torch::jit::Graph& graph,
                                              const torch::jit::Module& module);

}  // namespace attnviz
