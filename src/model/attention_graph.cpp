#include "model/attention_graph.h"

#include <torch/csrc/jit/ir/alias_analysis.h>
#include <torch/csrc/jit/passes/constant_propagation.h>
#include <torch/csrc/jit/passes/dead_code_elimination.h>
#include <torch/csrc/jit/passes/inliner.h>
#include <torch/csrc/jit/passes/loop_unrolling.h>
#include <torch/csrc/jit/passes/lower_tuples.h>
#include <torch/csrc/jit/passes/peephole.h>

#include <algorithm>
#include <map>
#include <set>

#include "attnviz/error.h"
#include "model/fused_attention.h"

namespace attnviz {
namespace {

using torch::jit::Block;
using torch::jit::Graph;
using torch::jit::Module;
using torch::jit::Node;
using torch::jit::Value;

bool is_softmax(const Node& node) {
  return node.kind().is_aten() && attnviz::is_softmax(node.kind().toQualString());
}

/// What an argument is for one whole text, by the names that transformers gave such arguments; null
/// for any other name. All are [1, T] int64, as the ids.
Value* usual_argument(Graph& graph, const std::string& name) {
  namespace aten = c10::aten;
  Value* ids = graph.inputs()[1];
  if (name == "attention_mask") return graph.insert(aten::ones_like, {ids});
  if (name == "token_type_ids") return graph.insert(aten::zeros_like, {ids});
  if (name != "position_ids") return nullptr;
  Value* length = graph.insert(aten::size, {ids, 1});
  Value* device = graph.insert(c10::prim::device, {ids});
  Value* positions = graph.insert(aten::arange, {length}, {{"device", device}});
  return graph.insert(aten::unsqueeze, {positions, 0});
}

/// Optional arguments take their defaults, usual ones what they are for a whole text; any other is
/// an error.
void bind_other_arguments(Graph& graph, const c10::FunctionSchema& schema) {
  for (std::size_t i = graph.inputs().size(); i-- > 2;) {
    const auto& argument = schema.arguments().at(i);
    torch::jit::WithInsertPoint at_start(*graph.nodes().begin());
    Value* bound = argument.default_value() ? graph.insertConstant(*argument.default_value())
                                            : usual_argument(graph, argument.name());
    if (!bound) {
      throw ModelError("its " + schema.name() + " wants the argument '" + argument.name() +
                       "' besides the token ids; only attention_mask, position_ids and "
                       "token_type_ids are known");
    }
    graph.inputs()[i]->replaceAllUsesWith(bound);
    graph.eraseInput(i);
  }
}

/// Numbers and flags of the module become constants, so that loops over layers and branches on
/// `training` can be resolved. Tensors stay where they are.
void fold_plain_attributes(Graph& graph, Block* block, const Module& module) {
  for (auto it = block->nodes().begin(); it != block->nodes().end();) {
    Node* node = *it++;
    for (Block* inner : node->blocks()) fold_plain_attributes(graph, inner, module);
    if (node->kind() != torch::jit::prim::GetAttr) continue;
    const auto value = attribute_value(node->output(), graph, module);
    if (!value || !(value->isInt() || value->isDouble() || value->isBool() || value->isString() ||
                    value->isNone())) {
      continue;
    }
    torch::jit::WithInsertPoint here(node);
    node->output()->replaceAllUsesWith(graph.insertConstant(*value));
    node->destroy();
  }
}

void simplify(std::shared_ptr<Graph>& graph, const Module& module) {
  fold_plain_attributes(*graph, graph->block(), module);
  // Unrolling makes the loop counter constant, and that may make a branch constant.
  do {
    torch::jit::ConstantPropagation(graph);
    torch::jit::PeepholeOptimize(graph);
  } while (torch::jit::UnrollConstantLoops(graph));
  torch::jit::ConstantPropagation(graph);
  torch::jit::LowerSimpleTuples(graph);
}

/// What was traced in training mode has its dropout written into it.
void turn_off_dropout(Graph& graph, Block* block) {
  static const auto kDropout = c10::Symbol::fromQualString("aten::dropout");
  static const auto kInPlace = c10::Symbol::fromQualString("aten::dropout_");
  for (Node* node : block->nodes()) {
    for (Block* inner : node->blocks()) turn_off_dropout(graph, inner);
    torch::jit::WithInsertPoint here(node);
    if (node->kind() == kDropout || node->kind() == kInPlace) {
      node->replaceInput(2, graph.insertConstant(false));
    } else if (fused_attention(*node) != nullptr) {
      const auto p = node->schema().argumentIndexWithName("dropout_p");
      if (p) node->replaceInput(*p, graph.insertConstant(0.0));
    }
  }
}

bool shows_attention(const Node& node) {
  return is_softmax(node) || fused_attention(node) != nullptr;
}

/// Calls that stay calls, whatever runs in them.
bool is_closed(const Node& node) {
  return node.kind() == torch::jit::prim::CallMethod ||
         node.kind() == torch::jit::prim::CallFunction || node.kind() == torch::jit::prim::fork;
}

std::size_t count_if(const Block* block, bool (*is_wanted)(const Node&)) {
  std::size_t n = 0;
  for (const Node* node : block->nodes()) {
    if (is_wanted(*node)) ++n;
    for (const Block* inner : node->blocks()) n += count_if(inner, is_wanted);
  }
  return n;
}

/// The result of a softmax, safe from what later nodes write into it in place (dropout_, say).
Value* untouched(Graph& graph, Value* value, torch::jit::AliasDb& aliases) {
  if (!aliases.hasWriters(value)) return value;
  torch::jit::WithInsertPoint after(value->node()->next());
  return graph.insert(c10::aten::clone, {value});
}

const Value* original_of(const Value* output) {
  return output->node()->kind() == c10::aten::clone ? output->node()->input(0) : output;
}

/// How many patterns each value depends on, one on the other: those that are the graph's outputs,
/// and those inside fused attention.
class Depths {
 public:
  explicit Depths(const Graph& graph) {
    for (const Value* output : graph.outputs()) patterns_.insert(original_of(output));
    walk(graph.block());
  }

  [[nodiscard]] std::int64_t of(const Value* value) const {
    const auto found = depths_.find(value);
    return found == depths_.end() ? 0 : found->second;
  }

 private:
  std::int64_t walk(const Block* block, std::int64_t least = 0) {
    std::int64_t deepest = least;
    for (const Node* node : block->nodes()) deepest = std::max(deepest, walk(node, least));
    return deepest;
  }

  std::int64_t walk(const Node* node, std::int64_t least) {
    std::int64_t depth = least;
    for (const Value* input : node->inputs()) depth = std::max(depth, of(input));
    const std::int64_t outside = depth;
    for (const Block* inner : node->blocks()) depth = std::max(depth, walk(inner, outside));
    const bool is_fused = fused_attention(*node) != nullptr;
    for (const Value* output : node->outputs()) {
      depths_[output] = depth + (is_fused || patterns_.contains(output) ? 1 : 0);
    }
    write_through(node, depth);
    return depth;
  }

  /// What is written to in place, and what that is a view of, depends on as much.
  void write_through(const Node* node, std::int64_t depth) {
    const auto* schema = node->maybeSchema();
    if (schema == nullptr || !schema->is_mutable()) return;
    constexpr int kLongestChain = 8;  // of views of views
    const Value* value = node->input(0);
    for (int i = 0; i < kLongestChain; ++i) {
      depths_[value] = std::max(of(value), depth);
      if (!value->node()->kind().is_aten() || value->node()->inputs().empty()) return;
      value = value->node()->input(0);
    }
  }

  std::set<const Value*> patterns_;
  std::map<const Value*, std::int64_t> depths_;
};

}  // namespace

bool is_softmax(std::string_view name) {
  static constexpr const char* kNames[] = {"aten::softmax", "aten::_softmax",
                                           "aten::special_softmax", "aten::_safe_softmax",
                                           "aten::_masked_softmax"};
  return std::find(std::begin(kNames), std::end(kNames), name) != std::end(kNames);
}

std::vector<Value*> softmax_outputs(Graph& graph) {
  std::vector<Node*> nodes;
  for (Node* node : graph.nodes()) {
    if (shows_attention(*node)) nodes.push_back(node);
  }
  if (const std::size_t hidden = count_if(graph.block(), shows_attention) - nodes.size()) {
    throw ModelError(std::to_string(hidden) +
                     " of its softmax nodes run inside a loop or branch that depends on the input");
  }
  if (const std::size_t calls = count_if(graph.block(), is_closed)) {
    throw ModelError(std::to_string(calls) + " of its calls cannot be looked into");
  }
  std::vector<Value*> found;
  for (Node* node : nodes) {
    found.push_back(is_softmax(*node) ? node->output() : insert_pattern(graph, node));
  }
  return found;
}

std::shared_ptr<Graph> flat_graph(const Module& module, const std::string& method_name) {
  const auto method = module.get_method(method_name);
  std::shared_ptr<Graph> graph = method.graph()->copy();
  torch::jit::Inline(*graph);
  if (graph->inputs().size() < 2) throw ModelError("its " + method_name + " takes no token ids");
  bind_other_arguments(*graph, method.function().getSchema());
  simplify(graph, module);
  turn_off_dropout(*graph, graph->block());
  return graph;
}

Value* logits_output(Graph& graph) {
  const auto fail = [] { return ModelError("it returns no logits"); };
  if (graph.outputs().empty()) throw fail();
  Value* output = graph.outputs()[0];
  while (!output->type()->isSubtypeOf(*c10::TensorType::get())) {
    const auto inputs = output->node()->inputs();
    const bool is_dict = output->node()->kind() == torch::jit::prim::DictConstruct;
    const bool is_tuple = output->node()->kind() == torch::jit::prim::TupleConstruct;
    Value* inner = is_tuple && !inputs.empty() ? inputs[0] : nullptr;
    for (std::size_t i = 0; is_dict && i + 1 < inputs.size(); i += 2) {
      const auto key = torch::jit::toIValue(inputs[i]);
      if (key && key->isString() && key->toStringRef() == "logits") inner = inputs[i + 1];
    }
    if (!inner) throw fail();
    output = inner;
  }
  return output;
}

void set_outputs(const std::shared_ptr<Graph>& graph, const std::vector<Value*>& outputs) {
  while (!graph->outputs().empty()) graph->eraseOutput(graph->outputs().size() - 1);
  for (Value* output : outputs) graph->registerOutput(output);
  torch::jit::EliminateDeadCode(graph);
}

AttentionGraph cut_attention_graph(const Module& module, const std::string& method) {
  std::shared_ptr<Graph> graph = flat_graph(module, method);
  std::vector<Value*> found = softmax_outputs(*graph);
  torch::jit::AliasDb aliases(graph);
  for (Value*& value : found) value = untouched(*graph, value, aliases);
  set_outputs(graph, found);
  // Which parts of the patterns' scripts are run is known from their arguments.
  torch::jit::ConstantPropagation(graph);
  torch::jit::PeepholeOptimize(graph);
  torch::jit::EliminateDeadCode(graph);
  AttentionGraph cut{graph, find_facts(*graph, module), {}};
  const Depths depths(*graph);
  for (const Value* output : graph->outputs()) cut.depths.push_back(depths.of(original_of(output)));
  return cut;
}

void keep_outputs(AttentionGraph& attention, const std::vector<std::size_t>& keep) {
  std::vector<Value*> kept;
  std::vector<std::int64_t> depths;
  for (const std::size_t i : keep) {
    kept.push_back(attention.graph->outputs()[i]);
    depths.push_back(attention.depths[i]);
  }
  set_outputs(attention.graph, kept);
  attention.depths = std::move(depths);
}

}  // namespace attnviz
