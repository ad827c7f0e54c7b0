#pragma once

#include <cstdint>
#include <vector>

#include "attnviz/model.h"

namespace attnviz {

struct GenerateOptions {
  std::int64_t n_tokens = 0;
  /// 0: each time the most probable token (of equal ones that of the lowest id); else tokens are
  /// drawn with probabilities in proportion to exp(logit / temperature).
  double temperature = 0;
  std::int64_t top_k = 0;  ///< draw from so many of the most probable ones alone; 0: from all
  std::uint64_t seed = 0;  ///< of the draws; the same seed gives the same tokens everywhere
};

/// A token that a model went on with.
struct GeneratedToken {
  TokenId id = 0;
  double probability = 0;  ///< that the model gave it, before temperature and top_k
};

/// Goes on with a text, one token after the other, by running the model over all of it each time;
/// none of them ends it. Throws what Model::logits throws, UsageError for n_tokens < 1, a
/// temperature that is negative or not finite and top_k < 0, and ModelError where text and
/// continuation are longer than the model's positions or its logits are not finite.
[[nodiscard]] std::vector<GeneratedToken> generate(Model& model, TokenIds text,
                                                   const GenerateOptions& options);

}  // namespace attnviz
