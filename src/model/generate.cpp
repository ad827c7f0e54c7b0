#include "attnviz/generate.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <random>
#include <string>

#include "attnviz/error.h"

namespace attnviz {
namespace {

void check(const GenerateOptions& options) {
  if (options.n_tokens < 1) throw UsageError("a text goes on by 1 token or more");
  if (!(options.temperature >= 0) || std::isinf(options.temperature)) {
    throw UsageError("a temperature is a number of 0 or more");
  }
  if (options.top_k < 0) throw UsageError("tokens are drawn from 1 or more, or 0: from all");
}

void require_room(const Model& model, std::size_t n_text, std::int64_t n_more) {
  const auto limit = model.n_positions();
  if (!limit || std::int64_t(n_text) + n_more <= *limit) return;
  const std::int64_t left = std::max<std::int64_t>(0, *limit - std::int64_t(n_text));
  throw ModelError(model.path().string() + " has " + std::to_string(*limit) +
                   " positions and the text " + std::to_string(n_text) +
                   " tokens: it can go on by " + std::to_string(left));
}

/// 0 to 1, the same on every platform.
double uniform(std::mt19937_64& random) {
  return static_cast<double>(random() >> 11U) * 0x1.0p-53;
}

/// Of logits [V], float64.
GeneratedToken choose(const std::vector<double>& logits, const GenerateOptions& options,
                      std::mt19937_64& random) {
  std::vector<TokenId> order(logits.size());
  std::iota(order.begin(), order.end(), 0);
  const bool is_greedy = options.temperature == 0;
  const std::size_t n_wanted = is_greedy            ? 1
                               : options.top_k == 0 ? order.size()
                                                    : std::size_t(options.top_k);
  const auto n = std::min(n_wanted, order.size());
  std::partial_sort(order.begin(), order.begin() + std::ptrdiff_t(n), order.end(),
                    [&](TokenId a, TokenId b) {
                      const double x = logits[std::size_t(a)], y = logits[std::size_t(b)];
                      return x != y ? x > y : a < b;
                    });
  const double largest = logits[std::size_t(order[0])];
  double all = 0;
  for (const double logit : logits) all += std::exp(logit - largest);
  const auto token = [&](TokenId id) {
    return GeneratedToken{id, std::exp(logits[std::size_t(id)] - largest) / all};
  };
  if (is_greedy) return token(order[0]);
  std::vector<double> shares;
  for (std::size_t i = 0; i < n; ++i) {
    shares.push_back(std::exp((logits[std::size_t(order[i])] - largest) / options.temperature));
  }
  double left = uniform(random) * std::accumulate(shares.begin(), shares.end(), 0.0);
  for (std::size_t i = 0; i < n; ++i) {
    left -= shares[i];
    if (left < 0) return token(order[i]);
  }
  return token(order[0]);  // where rounding has left a little over
}

}  // namespace

std::vector<GeneratedToken> generate(Model& model, TokenIds text, const GenerateOptions& options) {
  check(options);
  require_room(model, text.size(), options.n_tokens);
  std::mt19937_64 random(options.seed);
  std::vector<GeneratedToken> tokens;
  for (std::int64_t i = 0; i < options.n_tokens; ++i) {
    const at::Tensor last = model.logits(text)[-1].to(at::kDouble).contiguous();
    if (!last.isfinite().all().item<bool>()) {
      throw ModelError(model.path().string() + " gives logits that are not finite");
    }
    const double* logit = last.data_ptr<double>();
    tokens.push_back(choose({logit, logit + last.numel()}, options, random));
    text.push_back(tokens.back().id);
  }
  return tokens;
}

}  // namespace attnviz
