#pragma once

#include <torch/script.h>
#include <torch/torch.h>

#include <cstdint>
#include <functional>
#include <vector>

namespace attnviz {

/// Windows that are predicted together. ids: [rows, window + 1] int64. counts: [rows, window] bool,
/// the predictions that enter the loss; a random token that nothing foretells is left out.
struct Batch {
  at::Tensor ids;
  at::Tensor counts;
  at::Tensor softmax_tokens;  ///< [n] int64, or undefined: those of the batch and samples
  bool with_dropout = true;
};

/// Mean next-token loss of the predictions that count, nats; to be differentiated. The softmax is
/// over the batch's own tokens and n_samples others that stand for the rest of the vocabulary
/// (importance sampling; Jean et al. 2015, "sampled softmax"), or for 0 over all of it.
at::Tensor loss_of(torch::jit::Module& gpt, const Batch& batch, std::int64_t n_samples);

/// AdamW over those parameters that want a gradient, weight decay on the matrices of the blocks
/// only: embeddings of rare tokens would fade away.
torch::optim::AdamW make_optimizer(const torch::jit::Module& gpt, double learning_rate);

/// The one loop of all training: `train` from nothing and `finetune` differ in what they feed it.
struct TrainingLoop {
  std::int64_t first_step = 1, last_step = 1;
  double clip = 1;                   ///< largest norm of all gradients together
  std::int64_t softmax_samples = 0;  ///< as loss_of
  /// A step's batches; their gradients are added up, each prediction counting the same.
  std::function<std::vector<Batch>(std::int64_t step)> batches;
  std::function<double(std::int64_t step)> learning_rate;
  std::function<void()> before_update = {}, after_update = {};  ///< may be none
};

struct LoopStep {
  std::int64_t step = 0;
  std::int64_t n_tokens = 0;  ///< in the windows of this step
  double loss = 0;            ///< nats per prediction
  bool repeats_only = false;
};

/// Takes the steps; stops early where on_step returns false. Throws ModelError, before the weights
/// are touched, where a loss or the gradients' norm is not finite.
void run_loop(torch::jit::Module& gpt, torch::optim::AdamW& optimizer, const TrainingLoop& loop,
              const std::function<bool(const LoopStep&)>& on_step);

}  // namespace attnviz
