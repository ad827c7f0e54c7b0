#include <torch/script.h>

#include "attnviz/error.h"
#include "attnviz/surgery.h"
#include "model/head_weights.h"

namespace attnviz {
namespace {

/// Largest change of each head's pattern: [head].
at::Tensor changes(const at::Tensor& before, const at::Tensor& after) {
  return (after - before).abs().amax({0, 2, 3});
}

}  // namespace

void check_layout(const Gpt& gpt) {
  // LibTorch 2.6 rounds otherwise from one run to the next; what is moved is moved by 1 or so.
  constexpr double kRounding = 1e-5;
  torch::NoGradGuard no_grad;
  const GptConfig& config = gpt.record.config;
  torch::jit::Module probed = gpt.module->deepcopy();
  probed.eval();
  at::Generator random = at::detail::createCPUGenerator(0);
  const std::int64_t n_tokens = std::min<std::int64_t>(8, config.n_positions);
  const at::Tensor ids =
      torch::randint(0, config.vocabulary_size, {1, n_tokens}, random, torch::kLong);
  const std::vector<at::Tensor> before = patterns_of(probed, ids);
  // Where layers share their weights the first one shows it: its input does not change.
  for (std::int64_t layer = 0; layer < config.n_blocks(); ++layer) {
    const at::Tensor w_q = weight(probed, "block_" + std::to_string(layer) + ".w_q");
    for (std::int64_t head = 0; head < config.n_heads[std::size_t(layer)]; ++head) {
      const at::Tensor own = of_head(w_q, "w_q", head, config.d_head);
      const at::Tensor saved = own.clone();
      own.add_(torch::empty_like(own).normal_(0, 1, random));
      const at::Tensor moved =
          changes(before[std::size_t(layer)], patterns_of(probed, ids)[std::size_t(layer)]);
      own.copy_(saved);
      moved[head] = 0;  // it may move, and need not: a head whose keys are all zero does not
      if (moved.max().item<double>() <= kRounding) continue;
      throw ModelError("the weights are not laid out as expected: moving the queries of " +
                       to_string(HeadId{int(layer), head_number(config.kept, layer, head)}) +
                       " moves other heads, too; nothing was changed");
    }
  }
}

}  // namespace attnviz
