#pragma once

#include <torch/csrc/jit/api/module.h>
#include <torch/csrc/jit/ir/ir.h>

#include <string>
#include <string_view>
#include <vector>

#include "model/graph_facts.h"

namespace attnviz {

/// The part of a module's method that computes its attention: inputs (self, input_ids), outputs the
/// results of all softmax nodes and the patterns of all fused attention, in the order of the
/// computation. What none of them needs (the vocabulary projection, the last layer's tail) is gone.
struct AttentionGraph {
  std::shared_ptr<torch::jit::Graph> graph;
  GraphFacts facts;
  /// Of each output, how many patterns there are in the longest chain that ends with it. Those of
  /// equal depth do not depend on each other: they belong to the same layer.
  std::vector<std::int64_t> depths;
};

/// aten::softmax, or one of its other names.
bool is_softmax(std::string_view name);

/// A method with everything it calls put in its place: loops over layers unrolled, dropout off.
/// Throws ModelError where `method` wants an argument of unknown use.
std::shared_ptr<torch::jit::Graph> flat_graph(const torch::jit::Module& module,
                                              const std::string& method);

/// Of each softmax node and fused attention, in order, the result or the pattern.
/// Throws ModelError where some cannot be reached: inside a loop or branch that depends on the
/// input, or in a call that cannot be put in its place.
std::vector<torch::jit::Value*> softmax_outputs(torch::jit::Graph& graph);

/// What a method returns of logits: the tensor, the first of a tuple, or a dictionary's "logits".
/// Throws ModelError where there is none.
torch::jit::Value* logits_output(torch::jit::Graph& graph);

/// Makes these values the graph's outputs, in this order, and leaves what they need.
void set_outputs(const std::shared_ptr<torch::jit::Graph>& graph,
                 const std::vector<torch::jit::Value*>& outputs);

/// Throws what flat_graph and softmax_outputs throw.
AttentionGraph cut_attention_graph(const torch::jit::Module& module, const std::string& method);

/// Leaves the outputs at `keep` (indices, ascending) and what they need.
void keep_outputs(AttentionGraph& attention, const std::vector<std::size_t>& keep);

}  // namespace attnviz
