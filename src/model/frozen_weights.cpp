#include "model/frozen_weights.h"

#include <torch/script.h>

#include "attnviz/surgery.h"
#include "model/head_weights.h"

namespace attnviz {

FrozenWeights::FrozenWeights(const Gpt& gpt, const std::vector<HeadId>& only_heads) {
  if (only_heads.empty()) {
    keep_silent(gpt, gpt.record.masked);
  } else {
    train_only(gpt, only_heads);
  }
}

void FrozenWeights::train_only(const Gpt& gpt, const std::vector<HeadId>& heads) {
  const GptConfig& config = gpt.record.config;
  require_whole(config, heads);
  for (const auto& [name, parameter] : gpt.module->named_parameters()) {
    const auto part = block_weight(name);
    const std::vector<std::int64_t> own =
        part ? indices_in(config, heads, part->block) : std::vector<std::int64_t>();
    if (own.empty() || !head_axis(part->name)) {
      parameter.set_requires_grad(false);
      continue;
    }
    const at::Tensor is_trained = torch::zeros(parameter.sizes(), torch::kBool);
    for (const std::int64_t head : own) {
      of_head(is_trained, part->name, head, config.d_head).fill_(true);
    }
    parts_.push_back({parameter, is_trained, parameter.detach().clone()});
  }
}

void FrozenWeights::keep_silent(const Gpt& gpt, const std::vector<HeadId>& masked) {
  const GptConfig& config = gpt.record.config;
  for (std::int64_t block = 0; block < config.n_blocks(); ++block) {
    const auto silent = indices_in(config, masked, std::size_t(block));
    if (silent.empty()) continue;
    const at::Tensor w_o = weight(*gpt.module, "block_" + std::to_string(block) + ".w_o");
    const at::Tensor is_trained = torch::ones(w_o.sizes(), torch::kBool);
    for (const std::int64_t head : silent) {
      of_head(is_trained, "w_o", head, config.d_head).fill_(false);
    }
    parts_.push_back({w_o, is_trained, w_o.detach().clone()});
  }
}

void FrozenWeights::mask_gradients() {
  for (const Part& part : parts_) {
    if (part.parameter.grad().defined()) part.parameter.grad().mul_(part.is_trained);
  }
}

void FrozenWeights::restore() {
  torch::NoGradGuard no_grad;
  for (Part& part : parts_) {
    part.parameter.copy_(torch::where(part.is_trained, part.parameter, part.frozen));
  }
}

}  // namespace attnviz
