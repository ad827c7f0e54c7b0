#include "model/find_attention.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <sstream>

#include "attnviz/error.h"
#include "model/looks_ahead.h"

namespace attnviz {
namespace {

// Of a layer without heads it holds, as being causal does: no row says otherwise.
bool rows_sum_to_one(const at::Tensor& tensor) {
  if (tensor.numel() == 0) return true;
  return (tensor.sum(-1, false, at::kFloat) - 1).abs().max().item<double>() <= 1e-2;
}

bool has_keys(const at::Tensor& tensor, std::int64_t n_tokens, std::int64_t n_keys) {
  const auto dims = tensor.dim();
  return (dims == 3 || (dims == 4 && tensor.size(0) == 1)) && tensor.size(-1) == n_keys &&
         tensor.size(-2) == n_tokens;
}

std::vector<std::size_t> find_attention(const std::vector<at::Tensor>& found,
                                        std::int64_t n_tokens) {
  std::vector<std::size_t> kept;
  const auto keep = [&](bool (*is_it)(const at::Tensor&, std::int64_t)) {
    for (std::size_t i = 0; i < found.size(); ++i) {
      if (is_it(found[i], n_tokens) && rows_sum_to_one(found[i])) kept.push_back(i);
    }
  };
  keep(is_attention);
  if (kept.empty()) {
    keep(has_sink);
    return kept;
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

}  // namespace

bool is_attention(const at::Tensor& tensor, std::int64_t n_tokens) {
  return has_keys(tensor, n_tokens, n_tokens);
}

bool has_sink(const at::Tensor& tensor, std::int64_t n_tokens) {
  return has_keys(tensor, n_tokens, n_tokens + 1) && !looks_ahead(tensor.narrow(-1, 0, n_tokens));
}

Layers find_layers(const std::vector<at::Tensor>& found, const std::vector<std::int64_t>& depths,
                   std::int64_t n_tokens) {
  Layers layers;
  for (const std::size_t i : find_attention(found, n_tokens)) {
    if (layers.empty() || depths.at(layers.back()[0]) != depths.at(i)) {
      layers.push_back({i});
      continue;
    }
    const at::Tensor& first = found[layers.back()[0]];
    if (first.size(-3) != 1 || found[i].size(-3) != 1) {
      throw ModelError("two of its softmaxes could both be the attention of layer " +
                       std::to_string(layers.size() - 1) +
                       ", since neither depends on the other; they give " +
                       shapes_of({first, found[i]}));
    }
    layers.back().push_back(i);
  }
  return layers;
}

std::vector<std::size_t> flattened(const Layers& layers) {
  std::vector<std::size_t> all;
  for (const auto& layer : layers) all.insert(all.end(), layer.begin(), layer.end());
  return all;
}

at::Tensor joined(std::vector<at::Tensor> heads) {
  for (at::Tensor& part : heads) {
    if (part.dim() == 4) part = part.squeeze(0);
  }
  return heads.size() == 1 ? heads[0] : at::cat(heads);
}

std::vector<at::Tensor> joined_heads(const std::vector<at::Tensor>& found, const Layers& layers,
                                     std::int64_t n_tokens) {
  std::vector<at::Tensor> all;
  for (const auto& layer : layers) {
    std::vector<at::Tensor> heads;
    for (const std::size_t i : layer) heads.push_back(found.at(i).narrow(-1, 0, n_tokens));
    all.push_back(joined(std::move(heads)));
  }
  return all;
}

std::string shapes_of(const std::vector<at::Tensor>& tensors) {
  std::ostringstream text;
  for (std::size_t i = 0; i < tensors.size(); ++i) text << (i ? ", " : "") << tensors[i].sizes();
  return text.str();
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
