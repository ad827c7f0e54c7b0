#include "model/only_heads.h"

#include <torch/script.h>

#include "attnviz/error.h"
#include "attnviz/surgery.h"
#include "model/head_weights.h"

namespace attnviz {

OnlyHeads::OnlyHeads(const Gpt& gpt, const std::vector<HeadId>& heads) {
  if (heads.empty()) return;
  const GptConfig& config = gpt.record.config;
  require_whole(config, heads);
  for (const auto& [name, parameter] : gpt.module->named_parameters()) {
    const auto part = block_weight(name);
    const std::vector<std::int64_t> own =
        part ? indices_in(config, heads, part->block) : std::vector<std::int64_t>();
    at::Tensor trained = parameter;
    if (own.empty() || !head_axis(part->name)) {
      trained.set_requires_grad(false);
      continue;
    }
    const at::Tensor is_trained = torch::zeros(parameter.sizes(), torch::kBool);
    for (const std::int64_t head : own)
      of_head(is_trained, part->name, head, config.d_head).fill_(true);
    parts_.push_back({trained, is_trained, parameter.detach().clone()});
  }
}

void OnlyHeads::mask_gradients() {
  for (const Part& part : parts_) {
    if (part.parameter.grad().defined()) part.parameter.grad().mul_(part.is_trained);
  }
}

void OnlyHeads::restore_others() {
  torch::NoGradGuard no_grad;
  for (Part& part : parts_) {
    part.parameter.copy_(torch::where(part.is_trained, part.parameter, part.others));
  }
}

}  // namespace attnviz
