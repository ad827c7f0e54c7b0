#pragma once

#include <torch/csrc/jit/api/module.h>
#include <torch/csrc/jit/ir/ir.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "model/find_attention.h"
#include "model/graph_facts.h"

namespace attnviz {

/// The softmaxes of a method that are attention, as its cut graph shows them.
struct LayerSoftmaxes {
  Layers layers;                                   ///< indices, in the order of the graph
  std::vector<std::vector<std::int64_t>> n_heads;  ///< per layer of each of its softmaxes
  GraphFacts facts;
};

/// Runs the method on a sample. path: the module's file, which knows what it was traced with.
/// Throws what cut_attention_graph, find_layers and the module throw.
LayerSoftmaxes find_softmaxes(const torch::jit::Module& module, const std::string& method,
                              const std::filesystem::path& path, const std::string& device);

/// flat_graph, with fused attention taken apart: each pattern is a softmax, and is multiplied with
/// values.
std::shared_ptr<torch::jit::Graph> open_graph(const torch::jit::Module& module,
                                              const std::string& method);

/// The head outputs z of each softmax, [1, heads, T, d_head] or without the batch: the products of
/// the patterns with the values, in an open_graph.
/// attention: which of the graph's softmax nodes are attention, as indices in their order.
/// Throws ModelError where a pattern is not multiplied with values.
std::vector<torch::jit::Value*> head_outputs(torch::jit::Graph& graph,
                                             const std::vector<std::size_t>& attention);

/// All that comes after z gets instead what `make` inserts there.
void replace_after(torch::jit::Value* z,
                   const std::function<torch::jit::Value*(torch::jit::Value* z)>& make);

/// A module's method with a gate at every head. Inputs: self, input_ids, then of each softmax the
/// gate [heads, 1, 1] and shift (anything that may be added to [heads, T, d_head]), in order.
/// Outputs: logits, then each softmax' head outputs before the gate.
/// Throws as head_outputs does, and ModelError where the method returns no logits.
std::shared_ptr<torch::jit::Graph> gated_graph(const torch::jit::Module& module,
                                               const std::string& method,
                                               const std::vector<std::size_t>& attention);

}  // namespace attnviz
