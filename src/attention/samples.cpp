#include "samples.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "bootstrap.h"

namespace attnviz {

void Samples::add(double value) {
  sum_.add(value);
  squares_.add(value);
  if (static_cast<std::size_t>(sum_.n) <= kMostKept) {
    values_.push_back(value);
  } else {
    values_ = {};
  }
}

void Samples::add(const Samples& other) {
  const std::size_t n_before = values_.size(), n_more = other.values_.size();
  visit_fields(combine_fields, *this, other);
  if (static_cast<std::size_t>(sum_.n) > kMostKept) {
    values_ = {};
    return;
  }
  values_.resize(n_before + n_more);
  std::copy_n(other.values_.begin(), n_more,
              values_.begin() + static_cast<std::ptrdiff_t>(n_before));
}

bool Samples::is_sound(std::int64_t n_most) const {
  // In this order: deviation() needs what comes before it.
  return sum_.is_sound(n_most) && chance_.is_sound(sum_.n) && squares_.sum >= 0 &&
         squares_.sum <= kMostFixed * kMostFixed * sum_.n &&
         (sum_.n == 0 || squares_.deviation(sum_) >= 0);
}

bool Samples::keep(std::span<const double> values) {
  Samples found;
  for (const double value : values) {
    if (!(std::abs(value) <= kMostTerm)) return false;  // nor NaN
    found.add(value);
  }
  if (found.sum_.sum != sum_.sum || found.squares_.sum != squares_.sum) return false;
  values_ = std::move(found.values_);
  return true;
}

double Samples::mean() const {
  if (values_.empty()) return sum_.mean();
  const std::vector<double> sorted = values();
  return std::accumulate(sorted.begin(), sorted.end(), 0.0) / static_cast<double>(sorted.size());
}

std::optional<double> Samples::sd() const {
  const auto n = static_cast<double>(count());
  if (n < 2) return {};
  if (values_.empty()) return std::sqrt(squares_.deviation(sum_) / (n - 1));
  const double centre = mean();
  double squares = 0;
  for (const double value : values()) squares += (value - centre) * (value - centre);
  return std::sqrt(squares / (n - 1));
}

std::vector<double> Samples::values() const {
  std::vector<double> sorted = values_;
  std::sort(sorted.begin(), sorted.end());
  return sorted;
}

std::optional<double> Samples::chance() const {
  if (chance_.n == 0) return {};
  return chance_.mean();
}

std::vector<std::optional<Statistic>> statistics_of(std::span<const Samples* const> samples,
                                                    std::int64_t n_resamples, std::uint64_t seed) {
  constexpr double kNormal = 1.959964;  // 97.5 % point of the normal distribution
  std::vector<std::optional<Statistic>> result(samples.size());
  std::vector<std::vector<double>> kept;
  for (std::size_t i = 0; i < samples.size(); ++i) {
    kept.push_back(samples[i]->values());
    if (samples[i]->count() == 0) continue;
    result[i] = {samples[i]->mean(),  samples[i]->sd(),     {},
                 samples[i]->count(), samples[i]->chance(), {}};
  }
  const auto intervals = bootstrap(kept, n_resamples, seed);
  for (std::size_t i = 0; i < samples.size(); ++i) {
    if (!result[i]) continue;
    Statistic& statistic = *result[i];
    statistic.ci = intervals[i];
    if (!kept[i].empty()) continue;
    const double half =
        kNormal * statistic.sd.value_or(0) / std::sqrt(static_cast<double>(statistic.n_texts));
    statistic.ci = Interval{statistic.mean - half, statistic.mean + half};
  }
  return result;
}

std::vector<std::optional<Statistic>> statistics_of(const std::vector<Samples>& samples,
                                                    std::int64_t n_resamples, std::uint64_t seed) {
  std::vector<const Samples*> all;
  for (const Samples& one : samples) all.push_back(&one);
  return statistics_of(all, n_resamples, seed);
}

void add_excess(Statistic& statistic) {
  if (!statistic.chance || *statistic.chance >= 1) return;
  statistic.excess = (statistic.mean - *statistic.chance) / (1 - *statistic.chance);
}

}  // namespace attnviz
