#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "attnviz/compare.h"

namespace attnviz {

/// 95 % percentile intervals of the means of samples, each sorted (which makes them independent of
/// the order in which the values came). The same resamples serve all samples of one size.
/// None for a sample of fewer than 2 values.
std::vector<std::optional<Interval>> bootstrap(std::span<const std::vector<double>> samples,
                                               std::int64_t n_resamples, std::uint64_t seed);

}  // namespace attnviz
