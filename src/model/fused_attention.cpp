#include "model/fused_attention.h"

#include <torch/csrc/jit/api/compilation_unit.h>
#include <torch/csrc/jit/api/function_impl.h>
#include <torch/csrc/jit/passes/constant_propagation.h>
#include <torch/csrc/jit/passes/inliner.h>
#include <torch/csrc/jit/passes/peephole.h>
#include <torch/jit.h>

#include <vector>

#include "attnviz/error.h"

namespace attnviz {
namespace {

using torch::jit::Block;
using torch::jit::Graph;
using torch::jit::Node;
using torch::jit::Value;

// What the fused operator is documented to compute. Masks: True keeps a cell; a float is added.
constexpr char kOpened[] = R"(
def attend(q, k, v, mask, is_causal, scale, is_grouped):
    # type: (Tensor, Tensor, Tensor, Optional[Tensor], bool, Optional[float], bool) -> Tensor
    if is_grouped:
        k = k.repeat_interleave(q.size(-3) // k.size(-3), -3)
        v = v.repeat_interleave(q.size(-3) // v.size(-3), -3)
    factor = float(q.size(-1)) ** -0.5 if scale is None else float(scale)
    scores = torch.matmul(q, k.transpose(-2, -1)) * factor
    if is_causal:
        query = torch.arange(q.size(-2), device=q.device).unsqueeze(1)
        key = torch.arange(k.size(-2), device=q.device).unsqueeze(0)
        scores = scores.masked_fill(key > query, -float('inf'))
    if mask is not None:
        if torch.is_floating_point(mask):
            scores = scores + mask
        else:
            scores = scores.masked_fill(torch.logical_not(mask), -float('inf'))
    return torch.matmul(torch.softmax(scores, -1), v)
)";

/// The argument at `i`, or `otherwise` where this LibTorch's operator has fewer.
Value* argument(Graph& graph, Node* node, std::size_t i, const c10::IValue& otherwise) {
  return i < node->inputs().size() ? node->input(i) : graph.insertConstant(otherwise);
}

/// Arguments: query, key, value, attn_mask, dropout_p, is_causal, then since 2.1 scale, since 2.5
/// enable_gqa.
void open(Graph& graph, Node* node, Graph& opened) {
  torch::jit::WithInsertPoint here(node);
  const std::vector<Value*> inputs = {node->input(0),
                                      node->input(1),
                                      node->input(2),
                                      argument(graph, node, 3, c10::IValue()),
                                      argument(graph, node, 5, false),
                                      argument(graph, node, 6, c10::IValue()),
                                      argument(graph, node, 7, false)};
  node->output()->replaceAllUsesWith(torch::jit::insertGraph(graph, opened, inputs).at(0));
  node->destroy();
}

void collect(Block* block, std::vector<Node*>& found) {
  static const auto fused = c10::Symbol::fromQualString("aten::scaled_dot_product_attention");
  for (Node* node : block->nodes()) {
    if (node->kind() == fused) found.push_back(node);
    for (Block* inner : node->blocks()) collect(inner, found);
  }
}

}  // namespace

void open_fused_attention(const std::shared_ptr<Graph>& graph) {
  std::vector<Node*> fused;
  collect(graph->block(), fused);
  if (fused.empty()) return;
  const auto unit = torch::jit::compile(kOpened);
  const auto opened = torch::jit::toGraphFunction(unit->get_function("attend")).graph()->copy();
  torch::jit::Inline(*opened);
  for (Node* node : fused) open(*graph, node, *opened);
  std::shared_ptr<Graph> changed = graph;
  torch::jit::ConstantPropagation(changed);
  torch::jit::PeepholeOptimize(changed);
}

}  // namespace attnviz
