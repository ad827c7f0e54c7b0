#include "model/find_attention.h"

#include <ATen/ATen.h>

#include <algorithm>

#include "model/looks_ahead.h"

namespace attnviz {
namespace {

// Of a layer without heads it holds, as being causal does: no row says otherwise.
bool rows_sum_to_one(const at::Tensor& tensor) {
  if (tensor.numel() == 0) return true;
  return (tensor.sum(-1, false, at::kFloat) - 1).abs().max().item<double>() <= 1e-2;
}

}  // namespace

bool is_attention(const at::Tensor& tensor, std::int64_t n_tokens) {
  const auto dims = tensor.dim();
  return (dims == 3 || (dims == 4 && tensor.size(0) == 1)) && tensor.size(-1) == n_tokens &&
         tensor.size(-2) == n_tokens;
}

std::vector<std::size_t> find_attention(const std::vector<at::Tensor>& found,
                                        std::int64_t n_tokens) {
  std::vector<std::size_t> kept;
  for (std::size_t i = 0; i < found.size(); ++i) {
    if (is_attention(found[i], n_tokens) && rows_sum_to_one(found[i])) kept.push_back(i);
  }
  const auto leave_out_others = [&](auto is_sure) {
    if (std::any_of(kept.begin(), kept.end(), is_sure)) {
      std::erase_if(kept, [&](std::size_t i) { return !is_sure(i); });
    }
  };
  leave_out_others([&](std::size_t i) { return found[i].dim() == 4; });
  leave_out_others([&](std::size_t i) { return !looks_ahead(found[i]); });
  return kept;
}

std::vector<at::Tensor> run_graph_code(const torch::jit::Code& code,
                                       std::vector<c10::IValue> inputs) {
  torch::jit::Stack stack(std::move(inputs));
  torch::jit::InterpreterState(code).run(stack);
  std::vector<at::Tensor> tensors;
  for (const c10::IValue& value : stack) tensors.push_back(value.toTensor());
  return tensors;
}

}  // namespace attnviz
