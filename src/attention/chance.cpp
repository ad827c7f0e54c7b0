#include <algorithm>
#include <cmath>

#include "attnviz/attention.h"
#include "passes.h"

namespace attnviz {
namespace {

/// 1 + 1/2 + ... + 1/n
double harmonic(std::int64_t n) {
  double sum = 0;
  for (std::int64_t i = n; i >= 1; --i) sum += 1.0 / static_cast<double>(i);
  return sum;
}

/// Mean over the rows q >= first of 1/(q+1): one key of a uniform row.
double key_chance(std::int64_t n, std::int64_t first) {
  return (harmonic(n) - harmonic(first)) / static_cast<double>(n - first);
}

/// Mean over q >= 1 of min(w, q+1) / (q+1).
double last_keys_chance(std::int64_t n, std::int64_t w) {
  const auto whole = static_cast<double>(std::min(w, n) - 1);  // rows q < w see no other key
  return (whole + static_cast<double>(w) * (harmonic(n) - harmonic(std::min(w, n)))) /
         static_cast<double>(n - 1);
}

double span_chance(std::int64_t n) {
  std::int64_t w = 1;
  while (w < n && last_keys_chance(n, w) < 0.9) ++w;
  return static_cast<double>(w);
}

/// Key 0 left out: sum over q of (1/(q+1)) sum over k = 1 .. q of (q-k), over sum of q/(q+1).
double distance_without_first_chance(std::int64_t n) {
  double distance = 0, mass = 0;
  for (std::int64_t q = 1; q < n; ++q) {
    const auto keys = static_cast<double>(q);
    distance += keys * (keys - 1) / 2 / (keys + 1);
    mass += keys / (keys + 1);
  }
  return distance / mass;
}

}  // namespace

double offset_chance(std::int64_t n_positions, std::int64_t offset) {
  return key_chance(n_positions, std::max<std::int64_t>(offset, 1));
}

std::optional<double> chance_level(Score score, std::int64_t n_positions,
                                   const ScoreOptions& options) {
  const std::int64_t n = n_positions;
  const auto length = static_cast<double>(n);
  if (n < 2) return {};
  switch (score) {
    case Score::entropy:
      return std::lgamma(length + 1) / (length - 1);  // ln T! = sum ln(q+1)
    case Score::entropy_all_rows:
    case Score::naive_entropy:
      return std::lgamma(length + 1) / length;
    case Score::effective_keys:
      return (length + 2) / 2;
    case Score::normalised_entropy:
      return 1;
    case Score::entropy_without_first:
      return n < 3 ? std::nullopt : std::optional(1.0);
    case Score::distance_to_uniform:
      return 0;
    case Score::confidence:
    case Score::previous_token:
    case Score::current_token:
    case Score::first_token:
      return key_chance(n, 1);
    case Score::confidence_without_first:
      return n < 3 ? std::nullopt : std::optional(key_chance(n, 2));
    case Score::position_share:  // the earliest position has the largest
      return n < kLaterRows + 2 ? std::nullopt : std::optional(key_chance(n, 2));
    case Score::last_keys:
      return last_keys_chance(n, options.last_keys);
    case Score::span:
      return span_chance(n);
    case Score::mean_distance:
      return (length - 1) / 4;
    case Score::mean_distance_without_first:
      return distance_without_first_chance(n);
    default:
      return {};
  }
}

}  // namespace attnviz
