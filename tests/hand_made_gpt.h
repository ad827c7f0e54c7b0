#pragma once

#include <torch/script.h>

#include "attnviz/gpt.h"

namespace attnviz {

/// A GPT of two layers of two heads over the 256 bytes, its weights set by hand, so that the truth
/// about its heads is known: L0H0 attends to the token before and notes it; L1H0 attends to the
/// token after the last occurrence of its own token, by that note, and predicts it (induction);
/// L0H1 and L1H1 attend evenly and write nothing.
///
/// The residual stream is [token one-hot | position one-hot | the token before, one-hot].
class HandMadeWeights {
 public:
  static constexpr std::int64_t kTokens = 256, kPositions = 64;
  static constexpr std::int64_t kPosition = kTokens, kBefore = kTokens + kPositions;
  static constexpr std::int64_t kWidth = kBefore + kTokens;
  static constexpr std::int64_t kHead = kTokens + 1;  // one more, to keep off the first key

  static GptConfig config() {
    GptConfig config;
    config.n_heads = {2, 2};
    config.d_model = kWidth;
    config.d_head = kHead;
    config.d_feed_forward = 1;
    config.vocabulary_size = kTokens;
    config.n_positions = kPositions;
    config.dropout = 0;
    return config;
  }

  at::Tensor operator()(const std::string& name, const std::vector<std::int64_t>& shape) const {
    at::Tensor w = torch::zeros(shape);
    const auto is = [&](const char* wanted) { return name == wanted; };
    // After layer norm a one-hot is about 17 in layer 0 and 14 in layer 1.
    const auto set = [&w](std::int64_t row, std::int64_t column, double value) {
      w[row][column] = value;
    };
    if (name.find("norm") != std::string::npos && name.find("weight") != std::string::npos) {
      w.fill_(1);
    }
    for (std::int64_t t = 0; t < kTokens; ++t) {
      if (is("token_embedding")) set(t, t, 1);
      if (is("block_0.w_v") || is("block_1.w_v") || is("block_1.w_q")) {
        set(t, t, is("block_1.w_q") ? 3 : 1);
      }
      if (is("block_1.w_k")) set(t, kBefore + t, 3);
      if (is("block_0.w_o")) set(kBefore + t, t, 1.0 / 17);
      if (is("block_1.w_o")) set(t, t, 5.0 / 14);
    }
    for (std::int64_t p = 0; p < kPositions; ++p) {
      if (is("position_encoding")) set(p, kPosition + p, 1);
      if (is("block_0.w_q")) set(p, kPosition + p, 3);
      if (is("block_0.w_k") && p + 1 < kPositions) set(p + 1, kPosition + p, 3);
      if (is("block_1.w_q")) set(kTokens, kPosition + p, 3);
    }
    // Nothing comes before the first token, so it notes itself; that must not be found.
    if (is("block_1.w_k")) set(kTokens, kPosition, -3);
    return w;
  }
};

inline torch::jit::Module hand_made_gpt() {
  return build_gpt(HandMadeWeights::config(), HandMadeWeights());
}

}  // namespace attnviz
