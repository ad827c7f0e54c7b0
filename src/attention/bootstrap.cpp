#include "bootstrap.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <random>

namespace attnviz {
namespace {

/// How often each of n values is drawn in each of n_resamples draws of n: [resample, value].
at::Tensor draw(std::mt19937_64& random, std::int64_t n_resamples, std::int64_t n) {
  at::Tensor counts = at::zeros({n_resamples, n}, at::kDouble);
  auto* count = counts.data_ptr<double>();
  for (std::int64_t resample = 0; resample < n_resamples; ++resample, count += n) {
    for (std::int64_t i = 0; i < n; ++i) count[random() % static_cast<std::uint64_t>(n)] += 1;
  }
  return counts;
}

/// values: [value, sample]. Returns the means of the resamples, sorted: [resample, sample].
at::Tensor resampled_means(const at::Tensor& values, std::int64_t n_resamples, std::uint64_t seed) {
  constexpr std::int64_t kAtOnce = 100;  // bounds the memory for many values
  const std::int64_t n = values.size(0);
  std::mt19937_64 random(seed);
  std::vector<at::Tensor> means;
  for (std::int64_t done = 0; done < n_resamples; done += kAtOnce) {
    means.push_back(draw(random, std::min(kAtOnce, n_resamples - done), n).matmul(values) / n);
  }
  return std::get<0>(at::cat(means).sort(0));
}

}  // namespace

std::vector<std::optional<Interval>> bootstrap(std::span<const std::vector<double>> samples,
                                               std::int64_t n_resamples, std::uint64_t seed) {
  std::map<std::size_t, std::vector<std::size_t>> by_size;
  for (std::size_t i = 0; i < samples.size(); ++i) {
    if (samples[i].size() >= 2) by_size[samples[i].size()].push_back(i);
  }
  std::vector<std::optional<Interval>> result(samples.size());
  for (const auto& [size, which] : by_size) {
    at::Tensor values = at::empty(
        {static_cast<std::int64_t>(which.size()), static_cast<std::int64_t>(size)}, at::kDouble);
    auto* into = values.data_ptr<double>();
    for (const std::size_t i : which) into = std::copy(samples[i].begin(), samples[i].end(), into);
    const at::Tensor means = resampled_means(values.t(), n_resamples, seed);
    const auto last = static_cast<double>(n_resamples - 1);
    const at::Tensor low = means[std::lround(0.025 * last)].contiguous();
    const at::Tensor high = means[std::lround(0.975 * last)].contiguous();
    for (std::size_t j = 0; j < which.size(); ++j) {
      // A mean lies among its values; rounding must not say otherwise.
      const std::vector<double>& sample = samples[which[j]];
      result[which[j]] = {std::max(low.data_ptr<double>()[j], sample.front()),
                          std::min(high.data_ptr<double>()[j], sample.back())};
    }
  }
  return result;
}

}  // namespace attnviz
