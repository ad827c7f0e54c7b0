#pragma once

#include <span>
#include <vector>

#include "attnviz/heads.h"
#include "fixed_point.h"

namespace attnviz {

/// Values of one score, a text each. Nothing depends on the order in which they came, not the last
/// bit. Up to kMostKept values are kept, for the bootstrap; beyond, only sums, and the interval is
/// the normal one, which the bootstrap approaches: memory does not grow with the number of texts.
class Samples {
 public:
  static constexpr std::size_t kMostKept = 512;

  void add(double value);
  /// As if the values and chances of `other` had been added here; it may be this one.
  void add(const Samples& other);
  /// What a uniform head scores on the same text.
  void add_chance(double chance) { chance_.add(chance); }

  [[nodiscard]] std::int64_t count() const { return sum_.n; }
  [[nodiscard]] double mean() const;
  /// n - 1 in the denominator; none for one value.
  [[nodiscard]] std::optional<double> sd() const;
  /// Sorted, or empty where there were too many to keep.
  [[nodiscard]] std::vector<double> values() const;
  [[nodiscard]] std::optional<double> chance() const;

  /// All but the values, as FixedSum::visit_fields.
  template <typename Visit, typename... All>
  static void visit_fields(Visit&& visit, All&... all) {
    FixedSum::visit_fields(visit, all.sum_...);
    visit(std::plus<>(), all.squares_.sum...);
    FixedSum::visit_fields(visit, all.chance_...);
  }
  /// That the fields can be those of n values, n <= n_most.
  [[nodiscard]] bool is_sound(std::int64_t n_most) const;
  /// Puts count() <= kMostKept values beside the fields; false where the fields are those of
  /// others.
  [[nodiscard]] bool keep(std::span<const double> values);

 private:
  FixedSum sum_, chance_;
  FixedSquares squares_;
  std::vector<double> values_;
};

/// Mean, SD, interval, chance level and, for shares of attention, excess, one for each of the
/// samples that has a value; all at once, since they share their resamples.
std::vector<std::optional<Statistic>> statistics_of(std::span<const Samples* const> samples,
                                                    std::int64_t n_resamples, std::uint64_t seed);
std::vector<std::optional<Statistic>> statistics_of(const std::vector<Samples>& samples,
                                                    std::int64_t n_resamples, std::uint64_t seed);

/// (mean - chance) / (1 - chance), where that has a meaning.
void add_excess(Statistic& statistic);

}  // namespace attnviz
