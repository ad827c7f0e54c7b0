#pragma once

#include <ATen/core/Tensor.h>
#include <torch/csrc/jit/runtime/interpreter.h>

#include <cstddef>
#include <cstdint>
#include <vector>

namespace attnviz {

/// [1, heads, T, T], as every known GPT has it, or without the batch.
bool is_attention(const at::Tensor& tensor, std::int64_t n_tokens);

/// Which of the results of softmax nodes are attention, by their shape and by what they hold. A
/// vocabulary that happens to have T tokens gives [1, T, T], too, but looks ahead where attention
/// does not.
std::vector<std::size_t> find_attention(const std::vector<at::Tensor>& found,
                                        std::int64_t n_tokens);

/// Runs a graph whose outputs are tensors. The interpreter alone: the executor around it would
/// profile and optimise its first runs, which costs more than it gains where one run is all there
/// is.
std::vector<at::Tensor> run_graph_code(const torch::jit::Code& code,
                                       std::vector<c10::IValue> inputs);

}  // namespace attnviz
