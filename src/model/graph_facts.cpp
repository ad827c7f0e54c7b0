#include "model/graph_facts.h"

#include <torch/csrc/jit/ir/constants.h>

#include <algorithm>
#include <set>
#include <vector>

#include "attnviz/error.h"

namespace attnviz {
namespace {

using torch::jit::Graph;
using torch::jit::Module;
using torch::jit::Node;
using torch::jit::Value;

bool is(const Node* node, const char* name) {
  return node->kind() == c10::Symbol::fromQualString(name);
}

/// A parameter, buffer or constant, also behind slices of it: slices keep the dimensions.
std::optional<at::Tensor> table(const Value* value, const Graph& graph, const Module& module) {
  while (is(value->node(), "aten::slice")) value = value->node()->input(0);
  std::optional<c10::IValue> found = attribute_value(value, graph, module);
  if (!found) {
    if (const auto constant = torch::jit::toIValue(value)) found = *constant;
  }
  if (!found || !found->isTensor()) return std::nullopt;
  return found->toTensor();
}

/// Where an index comes from, behind changes of its shape and integer type.
const Value* origin(const Value* index) {
  static const char* kKept[] = {"aten::view",       "aten::reshape",  "aten::to",
                                "aten::long",       "aten::slice",    "aten::unsqueeze",
                                "aten::contiguous", "aten::squeeze",  "aten::flatten",
                                "aten::expand",     "aten::expand_as"};
  while (std::any_of(std::begin(kKept), std::end(kKept),
                     [&](const char* name) { return is(index->node(), name); })) {
    index = index->node()->input(0);
  }
  return index;
}

/// Positions are counted as the model runs, or kept as a table of numbers; a table of zeros and
/// ones is one of token types.
bool counts_positions(const Value* index, const Graph& graph, const Module& module) {
  if (is(index->node(), "aten::arange")) return true;
  const auto numbers = table(index, graph, module);
  return numbers && numbers->numel() > 0 && numbers->max().item<double>() > 1;
}

/// What a norm adds to the variance: a constant of the graph or an attribute of the module.
std::optional<double> epsilon_of(const Node* node, const Graph& graph, const Module& module) {
  const Value* value = nullptr;
  if (is(node, "aten::layer_norm") || is(node, "aten::native_layer_norm")) value = node->input(4);
  if (is(node, "aten::rms_norm")) value = node->input(3);
  if (value == nullptr) return std::nullopt;
  std::optional<c10::IValue> found = attribute_value(value, graph, module);
  if (!found) {
    if (const auto constant = torch::jit::toIValue(value)) found = *constant;
  }
  if (!found || !found->isDouble()) return std::nullopt;
  return found->toDouble();
}

void lower(std::optional<std::int64_t>& limit, std::int64_t size) {
  limit = std::min(limit.value_or(size), size);
}

}  // namespace

std::optional<c10::IValue> attribute_value(const Value* value, const Graph& graph,
                                           const Module& module) {
  if (value == graph.inputs()[0]) return c10::IValue(module._ivalue());
  const Node* node = value->node();
  if (node->kind() != torch::jit::prim::GetAttr) return std::nullopt;
  const auto owner = attribute_value(node->input(), graph, module);
  if (!owner || !owner->isObject()) return std::nullopt;
  return owner->toObject()->getAttr(node->s(torch::jit::attr::name));
}

GraphFacts find_facts(const Graph& graph, const Module& module) {
  GraphFacts facts;
  std::set<double> epsilons;
  for (const Node* node : graph.nodes()) {
    if (const auto epsilon = epsilon_of(node, graph, module)) epsilons.insert(*epsilon);
    if (is(node, "aten::embedding")) {
      const auto weight = table(node->input(0), graph, module);
      const Value* index = origin(node->input(1));
      if (!weight) continue;
      if (index == graph.inputs()[1]) {
        lower(facts.vocabulary_size, weight->size(0));
        facts.d_model = weight->size(-1);
        // Two tables looked up by the same ids: neither alone is a token's embedding.
        const bool is_only = !facts.embeddings || facts.embeddings->is_same(*weight);
        facts.embeddings = is_only ? *weight : at::Tensor();
      }
      if (counts_positions(index, graph, module)) lower(facts.n_positions, weight->size(0));
    } else if (is(node, "aten::slice") && node->inputs().size() == 5) {
      const auto dim = torch::jit::toIValue(node->input(1));
      const bool has_fixed_end = torch::jit::toIValue(node->input(3)).has_value();
      const auto sliced = table(node->input(0), graph, module);
      if (!dim || has_fixed_end || !sliced) continue;
      lower(facts.n_positions, sliced->size(dim->toInt()));
    }
  }
  facts.norm_epsilons.assign(epsilons.begin(), epsilons.end());
  return facts;
}

namespace {

/// Tensors are told apart by where they are kept, so that one under two names counts once.
using WeightSet = std::set<const void*>;

/// A weight matrix that `node` multiplies with, also behind a transposition.
bool add_weights(const Node* node, const Graph& graph, const Module& module, WeightSet& found) {
  bool has_weights = false;
  for (const Value* input : node->inputs()) {
    while (is(input->node(), "aten::t") || is(input->node(), "aten::transpose")) {
      input = input->node()->input(0);
    }
    const auto weight = table(input, graph, module);
    if (!weight || weight->dim() != 2) continue;
    found.insert(weight->unsafeGetTensorImpl());
    has_weights = true;
  }
  return has_weights;
}

/// The weights nearest before `pattern`: those of its queries and keys. What their own input is
/// made of, the layers before, is not looked at.
WeightSet weights_before(const Value* pattern, const Graph& graph, const Module& module) {
  WeightSet found;
  std::set<const Node*> seen;
  std::vector<const Node*> open = {pattern->node()};
  while (!open.empty()) {
    const Node* node = open.back();
    open.pop_back();
    if (!seen.insert(node).second) continue;
    const bool multiplies = is(node, "aten::linear") || is(node, "aten::matmul") ||
                            is(node, "aten::addmm") || is(node, "aten::mm");
    if (multiplies && add_weights(node, graph, module, found)) continue;
    for (const Value* input : node->inputs()) {
      // Not through sizes: a mask's come from the residual stream, behind which are other layers.
      if (input->type()->isSubtypeOf(*c10::TensorType::get())) open.push_back(input->node());
    }
  }
  return found;
}

}  // namespace

std::optional<std::int64_t> count_weight_sets(const Graph& graph, const Module& module) {
  std::set<WeightSet> sets;
  for (const Value* pattern : graph.outputs()) sets.insert(weights_before(pattern, graph, module));
  if (sets.contains(WeightSet{})) return std::nullopt;
  return std::int64_t(sets.size());
}

void check_limits(const TokenIds& ids, const GraphFacts& facts, const std::filesystem::path& path) {
  if (ids.empty()) throw TextError("there are no tokens to attend to: the text is empty");
  const auto n = static_cast<std::int64_t>(ids.size());
  if (const auto limit = facts.n_positions; limit && n > *limit) {
    throw ModelError(path.string() + " has " + std::to_string(*limit) +
                     " positions, the text has " + std::to_string(n) +
                     " tokens; use --max-tokens " + std::to_string(*limit));
  }
  const auto [low, high] = std::minmax_element(ids.begin(), ids.end());
  const auto size = facts.vocabulary_size;
  if (*low < 0 || (size && *high >= *size)) {
    throw ModelError("token id " + std::to_string(*low < 0 ? *low : *high) +
                     " is beyond the vocabulary of " + path.string() +
                     (size ? " (ids 0 to " + std::to_string(*size - 1) + ")" : "") +
                     "; use the vocabulary that it was trained with: --vocab");
  }
}

}  // namespace attnviz
