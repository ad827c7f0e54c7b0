#pragma once

#include <ATen/core/Tensor.h>
#include <torch/csrc/jit/runtime/interpreter.h>

#include <cstddef>
#include <cstdint>
#include <vector>

namespace attnviz {

/// [1, heads, T, T], as every known GPT has it, or without the batch.
bool is_attention(const at::Tensor& tensor, std::int64_t n_tokens);

/// Which results of softmaxes make up each layer, as indices in ascending order: one, or several of
/// one head each that do not depend on each other.
using Layers = std::vector<std::vector<std::size_t>>;

/// Whether it is attention with one key more than tokens, as gpt-oss has it: a sink that is no
/// token and takes what the tokens do not get. [1, heads, T, T + 1] or without the batch.
bool has_sink(const at::Tensor& tensor, std::int64_t n_tokens);

/// Finds attention among the results of softmaxes, by their shape and by what they hold. A
/// vocabulary that happens to have T tokens gives [1, T, T], too, but looks ahead where attention
/// does not.
/// depths: of each, how many patterns there are in the longest chain that ends with it.
/// Throws ModelError where two of several heads do not depend on each other, so that either could
/// be the attention of their layer.
Layers find_layers(const std::vector<at::Tensor>& found, const std::vector<std::int64_t>& depths,
                   std::int64_t n_tokens);

/// All indices, in order.
std::vector<std::size_t> flattened(const Layers& layers);

/// [heads, ...] of what the softmaxes of one layer gave, [heads, ...] each or with a batch of one.
at::Tensor joined(std::vector<at::Tensor> heads);

/// Per layer [heads, T, T], of results of softmaxes; sinks are left out.
std::vector<at::Tensor> joined_heads(const std::vector<at::Tensor>& found, const Layers& layers,
                                     std::int64_t n_tokens);

/// `[1, 4, 13, 13], [13, 97]`
std::string shapes_of(const std::vector<at::Tensor>& tensors);

/// Runs a graph whose outputs are tensors. The interpreter alone: the executor around it would
/// profile and optimise its first runs, which costs more than it gains where one run is all there
/// is.
std::vector<at::Tensor> run_graph_code(const torch::jit::Code& code,
                                       std::vector<c10::IValue> inputs);

}  // namespace attnviz
