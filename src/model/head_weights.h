#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "attnviz/gpt.h"

namespace attnviz {

/// The layer whose block a parameter belongs to, and its name there: block_2.w_q is {2, "w_q"}.
struct BlockWeight {
  std::size_t block;
  std::string name;
};
/// None for a parameter outside of the blocks.
std::optional<BlockWeight> block_weight(const std::string& name);

/// The axis along which a block's parameter is divided among the heads: rows of w_q, w_k, w_v and
/// their biases, columns of w_o. None for the others, b_o among them.
std::optional<std::int64_t> head_axis(const std::string& name_in_block);

/// A view of what the head at `index` owns of that parameter. It must have a head_axis.
at::Tensor of_head(const at::Tensor& values, const std::string& name_in_block, std::int64_t index,
                   std::int64_t d_head);

/// A parameter or buffer by its full name, such as block_0.w_q.
at::Tensor weight(const torch::jit::Module& gpt, const std::string& name);

/// Where those of `heads` that are in the layer lie among its heads. All must exist.
std::vector<std::int64_t> indices_in(const GptConfig& config, const std::vector<HeadId>& heads,
                                     std::size_t layer);

/// Throws UsageError as require_heads does, and where layers share their weights and not all twins
/// of a head are named.
void require_whole(const GptConfig& config, const std::vector<HeadId>& heads);

}  // namespace attnviz
