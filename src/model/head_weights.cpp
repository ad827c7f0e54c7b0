#include "model/head_weights.h"

#include <torch/script.h>

#include "attnviz/error.h"
#include "attnviz/surgery.h"

namespace attnviz {

std::optional<BlockWeight> block_weight(const std::string& name) {
  constexpr std::size_t kNumber = 6;  // behind "block_"
  if (!name.starts_with("block_")) return std::nullopt;
  const auto dot = name.find('.');
  return BlockWeight{std::size_t(std::stoul(name.substr(kNumber, dot - kNumber))),
                     name.substr(dot + 1)};
}

std::optional<std::int64_t> head_axis(const std::string& name_in_block) {
  if (name_in_block == "w_o") return 1;
  for (const char* of_rows : {"w_q", "w_k", "w_v", "b_q", "b_k", "b_v"}) {
    if (name_in_block == of_rows) return 0;
  }
  return std::nullopt;
}

at::Tensor of_head(const at::Tensor& values, const std::string& name_in_block, std::int64_t index,
                   std::int64_t d_head) {
  return values.narrow(head_axis(name_in_block).value(), index * d_head, d_head);
}

at::Tensor weight(const torch::jit::Module& gpt, const std::string& name) {
  const auto dot = name.find('.');
  if (dot == std::string::npos) return gpt.attr(name).toTensor();
  return gpt.attr(name.substr(0, dot)).toModule().attr(name.substr(dot + 1)).toTensor();
}

std::vector<std::int64_t> indices_in(const GptConfig& config, const std::vector<HeadId>& heads,
                                     std::size_t layer) {
  std::vector<std::int64_t> indices;
  for (const HeadId head : heads) {
    if (std::size_t(head.layer) != layer) continue;
    indices.push_back(head_index(config.n_heads, config.kept, head).value());
  }
  return indices;
}

void require_whole(const GptConfig& config, const std::vector<HeadId>& heads) {
  require_heads(config.n_heads, config.kept, heads);
  const std::vector<HeadId> all = with_twins(config, heads);
  if (all.size() == heads.size()) return;
  throw UsageError("all layers share one set of weights: " + to_string(heads) +
                   " cannot change without " + to_string(all));
}

}  // namespace attnviz
