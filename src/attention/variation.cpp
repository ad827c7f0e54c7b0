#include <ATen/ATen.h>

#include "attnviz/compare.h"
#include "attnviz/error.h"
#include "mean_pattern.h"

namespace attnviz {

Variation::Variation(std::int64_t n_rows, std::uint64_t seed)
    : seed_(seed), mean_(std::make_unique<MeanPattern>(n_rows)) {
  if (n_rows < 2) throw UsageError("variation needs 2 rows or more of each text");
}

Variation::~Variation() = default;
Variation::Variation(Variation&&) noexcept = default;
Variation& Variation::operator=(Variation&&) noexcept = default;

bool Variation::add_to_mean(const AttentionPatterns& patterns) {
  return mean_->add(patterns);
}

bool Variation::add_deviation(const AttentionPatterns& patterns) {
  if (!mean_->is_long_enough(patterns)) return false;
  const at::Tensor rows = mean_->rows_of(patterns);
  const at::Tensor deviation = mean_->deviation_of(rows).abs();
  mean_->add_values(deviation.sum({1, 2}) / (2 * rows.sum({1, 2})));
  const auto add_without_first = [this](at::Tensor& sums, const at::Tensor& cells) {
    const at::Tensor rest = to_fixed(cells.narrow(2, 1, mean_->n_rows() - 1).sum({1, 2}));
    sums = sums.defined() ? sums + rest : rest;
  };
  add_without_first(rest_deviation_, deviation);
  add_without_first(rest_mass_, rows);
  return true;
}

std::vector<std::optional<HeadVariation>> Variation::result() const {
  const auto statistics = mean_->statistics(seed_, "variation");
  std::vector<std::optional<HeadVariation>> result(statistics.size());
  const auto n = static_cast<double>(mean_->n_texts());
  for (std::size_t head = 0; head < result.size(); ++head) {
    if (!statistics[head]) continue;
    HeadVariation& of_head = result[head].emplace();
    of_head.v = statistics[head]->mean;
    of_head.corrected = of_head.v * n / (n - 1);
    of_head.ci = statistics[head]->ci;
    of_head.n_texts = mean_->n_texts();
    const auto place = static_cast<std::int64_t>(head);
    const double rest = from_fixed(rest_mass_[place]).item<double>();
    if (rest > 1e-6) {
      of_head.v_without_first = from_fixed(rest_deviation_[place]).item<double>() / (2 * rest);
    }
  }
  return result;
}

}  // namespace attnviz
