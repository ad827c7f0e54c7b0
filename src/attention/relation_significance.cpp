#include <algorithm>
#include <cmath>

#include "attnviz/error.h"
#include "attnviz/relations.h"

namespace attnviz {
namespace {

void check_hits(std::int64_t hits, std::int64_t n) {
  if (n < 1 || hits < 0 || hits > n) {
    throw UsageError(std::to_string(hits) + " hits of " + std::to_string(n) + " are no share");
  }
}

}  // namespace

double wilson_lower(std::int64_t hits, std::int64_t n) {
  check_hits(hits, n);
  constexpr double kZ = 1.959963984540054;  // P(|Z| > z) = 0.05
  if (hits == 0) return 0;
  const auto count = static_cast<double>(n);
  const double p = static_cast<double>(hits) / count, z2 = kZ * kZ / count;
  return (p + z2 / 2 - kZ * std::sqrt((p * (1 - p) + z2 / 4) / count)) / (1 + z2);
}

double binomial_tail(std::int64_t hits, std::int64_t n, double p) {
  check_hits(hits, n);
  if (!(p >= 0 && p <= 1)) throw UsageError("a probability lies between 0 and 1");
  if (hits == 0 || p == 1) return 1;
  if (p == 0) return 0;
  const auto count = static_cast<double>(n);
  double sum = 0;
  for (std::int64_t i = n; i >= hits; --i) {  // the smallest first
    const auto k = static_cast<double>(i);
    sum += std::exp(std::lgamma(count + 1) - std::lgamma(k + 1) - std::lgamma(count - k + 1) +
                    k * std::log(p) + (count - k) * std::log1p(-p));
  }
  return std::min(sum, 1.0);
}

std::vector<bool> benjamini_hochberg(std::span<const double> p_values, double rate) {
  std::vector<double> sorted(p_values.begin(), p_values.end());
  std::sort(sorted.begin(), sorted.end());
  double last = -1;  // the largest that is rejected
  for (std::size_t k = 0; k < sorted.size(); ++k) {
    const double share = static_cast<double>(k + 1) / static_cast<double>(sorted.size());
    if (sorted[k] <= rate * share) last = sorted[k];
  }
  std::vector<bool> rejected;
  for (const double p : p_values) rejected.push_back(p <= last);
  return rejected;
}

}  // namespace attnviz
