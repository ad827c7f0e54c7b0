#pragma once

#include <torch/csrc/jit/api/module.h>
#include <torch/csrc/jit/ir/ir.h>

#include <string>
#include <vector>

#include "model/graph_facts.h"

namespace attnviz {

/// The part of a module's method that computes its attention: inputs (self, input_ids), outputs the
/// results of all softmax nodes, in the order of the computation. What none of them needs (the
/// vocabulary projection, the last layer's tail) is gone.
struct AttentionGraph {
  std::shared_ptr<torch::jit::Graph> graph;
  GraphFacts facts;
};

/// A method with everything it calls put in its place: loops over layers unrolled, fused attention
/// opened. Throws ModelError as cut_attention_graph does.
std::shared_ptr<torch::jit::Graph> flat_graph(const torch::jit::Module& module,
                                              const std::string& method);

/// The results of its softmax nodes, in order. Throws ModelError where some cannot be reached.
std::vector<torch::jit::Value*> softmax_outputs(torch::jit::Graph& graph);

/// What a method returns of logits: the tensor, the first of a tuple, or a dictionary's "logits".
/// Throws ModelError where there is none.
torch::jit::Value* logits_output(torch::jit::Graph& graph);

/// Makes these values the graph's outputs, in this order, and leaves what they need.
void set_outputs(const std::shared_ptr<torch::jit::Graph>& graph,
                 const std::vector<torch::jit::Value*>& outputs);

/// Throws ModelError where `method` wants an argument of unknown use, or where a softmax cannot be
/// reached (it runs inside a loop or branch that depends on the input).
AttentionGraph cut_attention_graph(const torch::jit::Module& module, const std::string& method);

/// Leaves the outputs at `keep` (indices, ascending) and what they need.
void keep_outputs(AttentionGraph& attention, const std::vector<std::size_t>& keep);

}  // namespace attnviz
