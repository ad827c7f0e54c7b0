#include "model/device_constants.h"

#include <torch/csrc/jit/api/compilation_unit.h>
#include <torch/csrc/jit/api/function_impl.h>
#include <torch/csrc/jit/ir/constants.h>

namespace attnviz {
namespace {

using torch::jit::Block;
using torch::jit::Graph;
using torch::jit::Node;
using torch::jit::Value;

/// torch.device("cuda"), as a constant or as it is made of a string.
bool names_device(const Node& node) {
  static const auto kDevice = c10::Symbol::fromQualString("aten::device");
  if (node.kind() == kDevice) return true;
  if (node.kind() != torch::jit::prim::Constant) return false;
  const auto value = torch::jit::toIValue(node.output());
  return value && value->isDevice();
}

/// `x.cuda()` and `x.cpu()`.
bool moves_tensor(const Node& node) {
  static const auto kCuda = c10::Symbol::fromQualString("aten::cuda");
  static const auto kCpu = c10::Symbol::fromQualString("aten::cpu");
  return node.kind() == kCuda || node.kind() == kCpu;
}

void move_constants(Graph& graph, Block* block, const at::Device& device) {
  for (auto it = block->nodes().begin(); it != block->nodes().end();) {
    Node* node = *it++;
    for (Block* inner : node->blocks()) move_constants(graph, inner, device);
    if (!names_device(*node) && !moves_tensor(*node)) continue;
    torch::jit::WithInsertPoint here(node);
    Value* moved = graph.insertConstant(device);
    if (moves_tensor(*node)) moved = graph.insert(c10::aten::to, {node->input(0), moved});
    node->output()->replaceAllUsesWith(moved);
    node->destroy();
  }
}

}  // namespace

void move_device_constants(const torch::jit::Module& module, const at::Device& device) {
  const auto unit = module._ivalue()->compilation_unit();
  for (torch::jit::Function* function : unit->get_functions()) {
    if (!function->isGraphFunction()) continue;
    Graph& graph = *torch::jit::toGraphFunction(*function).graph();
    move_constants(graph, graph.block(), device);
  }
}

}  // namespace attnviz
