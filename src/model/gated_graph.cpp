#include "model/gated_graph.h"

#include <algorithm>

#include "attnviz/error.h"
#include "model/attention_graph.h"
#include "model/fused_attention.h"
#include "model/traced_input.h"

namespace attnviz {
namespace {

using torch::jit::Graph;
using torch::jit::Module;
using torch::jit::Node;
using torch::jit::Value;

bool is_one_of(const Node* node, std::initializer_list<const char*> names) {
  return std::any_of(names.begin(), names.end(), [&](const char* name) {
    return node->kind() == c10::Symbol::fromQualString(name);
  });
}

/// The product of the pattern with the values: the first matrix product that it goes into, behind
/// dropout and what only copies.
Value* product_with_values(Value* pattern) {
  for (const auto& use : pattern->uses()) {
    if (is_one_of(use.user, {"aten::matmul", "aten::bmm"}) && use.offset == 0) {
      return use.user->output();
    }
    if (use.offset == 0 && is_one_of(use.user, {"aten::dropout", "aten::dropout_", "aten::clone",
                                                "aten::to", "aten::contiguous", "aten::expand",
                                                "aten::reshape", "aten::view", "aten::slice"})) {
      if (Value* found = product_with_values(use.user->output())) return found;
    }
  }
  return nullptr;
}

}  // namespace

LayerSoftmaxes find_softmaxes(const Module& module, const std::string& method,
                              const std::filesystem::path& path, const std::string& device) {
  const AttentionGraph attention = cut_attention_graph(module, method);
  const torch::jit::Code code(attention.graph, "attention");
  std::vector<at::Tensor> found;
  const std::int64_t n = run_on_sample(path, device, [&](const at::Tensor& ids) {
    found = run_graph_code(code, {module._ivalue(), ids});
  });
  LayerSoftmaxes softmaxes{find_layers(found, attention.depths, n), {}, attention.facts};
  for (const auto& layer : softmaxes.layers) {
    softmaxes.n_heads.emplace_back();
    for (const std::size_t i : layer) softmaxes.n_heads.back().push_back(found[i].size(-3));
  }
  return softmaxes;
}

std::shared_ptr<Graph> open_graph(const Module& module, const std::string& method) {
  std::shared_ptr<Graph> graph = flat_graph(module, method);
  open_fused_attention(graph);
  return graph;
}

std::vector<Value*> head_outputs(Graph& graph, const std::vector<std::size_t>& attention) {
  const std::vector<Value*> softmaxes = softmax_outputs(graph);
  std::vector<Value*> outputs;
  for (const std::size_t i : attention) {
    Value* z = product_with_values(softmaxes.at(i));
    if (!z) {
      throw ModelError("softmax " + std::to_string(outputs.size()) + " of " +
                       std::to_string(attention.size()) +
                       " that give its patterns is not seen to be multiplied with values");
    }
    outputs.push_back(z);
  }
  return outputs;
}

void replace_after(Value* z, const std::function<Value*(Value*)>& make) {
  torch::jit::WithInsertPoint after(z->node()->next());
  Value* made = make(z);
  z->replaceAllUsesAfterNodeWith(made->node(), made);
}

std::shared_ptr<Graph> gated_graph(const Module& module, const std::string& method,
                                   const std::vector<std::size_t>& attention) {
  static const auto kTimes = c10::Symbol::fromQualString("aten::mul");
  static const auto kPlus = c10::Symbol::fromQualString("aten::add");
  std::shared_ptr<Graph> graph = open_graph(module, method);
  std::vector<Value*> outputs = {logits_output(*graph)};
  for (Value* z : head_outputs(*graph, attention)) {
    Value* gate = graph->addInput();
    Value* shift = graph->addInput();
    replace_after(z, [&](Value* before) {
      return graph->insert(kPlus, {graph->insert(kTimes, {before, gate}), shift});
    });
    outputs.push_back(z);
  }
  outputs[0] = logits_output(*graph);  // a gate may have taken its place
  set_outputs(graph, outputs);
  return graph;
}

}  // namespace attnviz
