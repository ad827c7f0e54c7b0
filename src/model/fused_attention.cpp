#include "model/fused_attention.h"

#include <torch/csrc/jit/passes/constant_propagation.h>
#include <torch/csrc/jit/passes/lower_tuples.h>
#include <torch/csrc/jit/passes/peephole.h>

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "model/operator_scripts.h"

namespace attnviz {
namespace {

using torch::jit::Block;
using torch::jit::Graph;
using torch::jit::Node;
using torch::jit::Value;

constexpr FusedAttention kFused[] = {
    {"aten::scaled_dot_product_attention", "attention_pattern", "attention"},
    // What it was called in PyTorch 1.12 and 1.13: it gives the weights, too.
    {"aten::_scaled_dot_product_attention", "attention_pattern", "_scaled_dot_product_attention"},
    {"aten::_native_multi_head_attention", "multi_head_pattern", "multi_head"},
    {"aten::_transformer_encoder_layer_fwd", "encoder_layer_pattern", "encoder_layer"},
};

/// For each argument of `script` where it stands in `schema`; none: the script's default holds.
std::vector<std::optional<std::size_t>> places(const std::string& script,
                                               const c10::FunctionSchema& schema) {
  std::vector<std::optional<std::size_t>> found;
  for (const c10::Argument& argument : script_schema(script).arguments()) {
    const auto at = schema.argumentIndexWithName(argument.name());
    found.push_back(at ? std::optional(std::size_t(*at)) : std::nullopt);
  }
  return found;
}

std::vector<Value*> insert_script(Graph& graph, const Node* node, const std::string& script) {
  std::vector<Value*> inputs;
  const auto& wanted = script_schema(script).arguments();
  const auto at = places(script, node->schema());
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    inputs.push_back(at[i] ? node->input(*at[i])
                           : graph.insertConstant(wanted[i].default_value().value()));
  }
  return torch::jit::insertGraph(graph, *script_graph(script), inputs);
}

void collect(Block* block, std::vector<Node*>& found) {
  for (Node* node : block->nodes()) {
    if (fused_attention(*node) != nullptr) found.push_back(node);
    for (Block* inner : node->blocks()) collect(inner, found);
  }
}

/// A script that gives several results gives them as one tuple.
std::vector<Value*> results(Graph& graph, std::vector<Value*> values) {
  if (values.size() != 1 || !values[0]->type()->cast<c10::TupleType>()) return values;
  Node* unpacked = graph.insertNode(graph.createTupleUnpack(values[0]));
  return unpacked->outputs().vec();
}

}  // namespace

const FusedAttention* fused_attention(std::string_view name) {
  const auto* found = std::find_if(std::begin(kFused), std::end(kFused),
                                   [&](const FusedAttention& fused) { return name == fused.name; });
  return found == std::end(kFused) ? nullptr : found;
}

const FusedAttention* fused_attention(const Node& node) {
  return node.kind().is_aten() ? fused_attention(node.kind().toQualString()) : nullptr;
}

Value* insert_pattern(Graph& graph, Node* fused) {
  torch::jit::WithInsertPoint here(fused);
  return insert_script(graph, fused, fused_attention(*fused)->pattern).at(0);
}

at::Tensor pattern_of(const FusedAttention& fused, const c10::FunctionSchema& schema,
                      c10::ArrayRef<const c10::IValue> arguments) {
  torch::jit::Stack stack;
  const std::string script = fused.pattern;
  const auto& wanted = script_schema(script).arguments();
  const auto at = places(script, schema);
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    stack.push_back(at[i] && *at[i] < arguments.size() ? arguments[*at[i]]
                                                       : wanted[i].default_value().value());
  }
  run_script(script, stack);
  return stack.at(0).toTensor();
}

void open_fused_attention(const std::shared_ptr<Graph>& graph) {
  std::vector<Node*> found;
  collect(graph->block(), found);
  for (Node* node : found) {
    torch::jit::WithInsertPoint here(node);
    const auto made = results(*graph, insert_script(*graph, node, fused_attention(*node)->opened));
    for (std::size_t i = 0; i < node->outputs().size(); ++i) {
      node->output(i)->replaceAllUsesWith(made.at(i));
    }
    node->destroy();
  }
  if (found.empty()) return;
  std::shared_ptr<Graph> changed = graph;
  torch::jit::ConstantPropagation(changed);
  torch::jit::PeepholeOptimize(changed);
  torch::jit::LowerSimpleTuples(changed);
}

}  // namespace attnviz
