#pragma once

#include <ATen/core/stack.h>
#include <torch/csrc/jit/ir/ir.h>

#include <string_view>

namespace attnviz {

/// An operator that computes attention without showing its pattern: what gives the pattern from the
/// operator's arguments, and what computes the same in parts, one of them a softmax over the keys.
/// Both are functions of operator_scripts.cpp, and take arguments by the names of the operator's.
struct FusedAttention {
  const char* name;  ///< aten::scaled_dot_product_attention
  const char* pattern;
  const char* opened;
};

/// Null for any other operator.
const FusedAttention* fused_attention(std::string_view name);
const FusedAttention* fused_attention(const torch::jit::Node& node);

/// Its pattern, computed beside it: the node stays, so that what follows gets the same numbers as
/// in a run of the module.
torch::jit::Value* insert_pattern(torch::jit::Graph& graph, torch::jit::Node* fused);

/// The pattern of a call, [batch, head, query, key] as the arguments have them.
at::Tensor pattern_of(const FusedAttention& fused, const c10::FunctionSchema& schema,
                      c10::ArrayRef<const c10::IValue> arguments);

/// Replaces every fused attention by its parts, so that there is a product of pattern and values.
void open_fused_attention(const std::shared_ptr<torch::jit::Graph>& graph);

}  // namespace attnviz
