#pragma once

#include <functional>
#include <vector>

#include "attnviz/gpt.h"
#include "attnviz/text.h"

namespace attnviz {

struct TrainOptions {
  std::int64_t steps = 5000;
  std::int64_t batch_tokens = 2048;  ///< tokens a step, whatever the window
  std::int64_t context = 128;        ///< tokens in a window of text
  double learning_rate = 3e-3;       ///< after warm-up; falls to a tenth along a cosine
  std::int64_t warmup_steps = 200;
  /// The first steps are random blocks only, repeated, short ones and then longer ones: what makes
  /// induction heads form early. As a share of all steps.
  double repeat_share = 0.4;
  /// Of the windows after that, how many are repeats still.
  double mixed_repeats = 0.4;
  /// Tokens that the softmax is taken over besides those of the batch.
  std::int64_t softmax_samples = 1024;
  std::uint64_t seed = 0;
};

struct TrainProgress {
  std::int64_t step = 0;  ///< counted from 1
  std::int64_t steps = 0;
  std::int64_t tokens = 0;  ///< seen so far
  double loss = 0;          ///< of this step, nats per predicted token (sampled softmax)
  bool repeats_only = false;
};

/// Trains `gpt` (from build_gpt) in place to predict the next token of `texts`, with AdamW.
/// texts: token ids, each longer than one window (context + 1).
/// on_step is called after every step; training stops early when it returns false.
/// Same seed, same machine, same number of threads: same weights.
/// Throws UsageError for no text, a text no longer than a window, a context below 16 or beyond the
/// model's positions, or other options out of their range; ModelError when the loss is not finite.
void train(torch::jit::Module& gpt, const std::vector<TokenIds>& texts, const TrainOptions& options,
           const std::function<bool(const TrainProgress&)>& on_step);

/// Mean next-token loss in nats over consecutive windows of `context` + 1 tokens of each text, the
/// softmax taken over the whole vocabulary, in evaluation mode. Perplexity is its exponential.
/// Throws UsageError where no text has two tokens.
[[nodiscard]] double held_out_loss(torch::jit::Module& gpt, const std::vector<TokenIds>& texts,
                                   std::int64_t context);

}  // namespace attnviz
