#include <ATen/ATen.h>

#include "attnviz/compare.h"
#include "attnviz/error.h"
#include "samples.h"

namespace attnviz {
namespace {

constexpr std::int64_t kFewestTexts = 8;

std::vector<std::int64_t> heads_per_layer(const AttentionPatterns& patterns) {
  std::vector<std::int64_t> result;
  for (const at::Tensor& layer : patterns.layers) result.push_back(layer.size(0));
  return result;
}

}  // namespace

Variation::Variation(std::int64_t n_rows, std::uint64_t seed)
    : n_rows_(n_rows), seed_(seed), of_texts_(std::make_unique<std::vector<Samples>>()) {
  if (n_rows < 2) throw UsageError("variation needs 2 rows or more of each text");
}

Variation::~Variation() = default;
Variation::Variation(Variation&&) noexcept = default;
Variation& Variation::operator=(Variation&&) noexcept = default;

/// [head, q, k] float64: the first n_rows_ rows of all heads, layer by layer.
at::Tensor Variation::first_rows(const AttentionPatterns& patterns) const {
  if (!n_heads_.empty() && heads_per_layer(patterns) != n_heads_) {
    throw ShapeError("the texts come from models with different layers or heads");
  }
  std::vector<at::Tensor> layers;
  for (const at::Tensor& layer : patterns.layers) {
    layers.push_back(layer.narrow(1, 0, n_rows_).narrow(2, 0, n_rows_));
  }
  return at::cat(layers).to(at::kDouble);
}

bool Variation::add_to_mean(const AttentionPatterns& patterns) {
  if (patterns.n_positions() < n_rows_) return false;
  const at::Tensor rows = to_fixed(first_rows(patterns));
  if (n_texts_ == 0) {
    n_heads_ = heads_per_layer(patterns);
    sums_ = at::zeros_like(rows);
    rest_deviation_ = at::zeros({rows.size(0)}, at::kLong);
    rest_mass_ = at::zeros({rows.size(0)}, at::kLong);
    of_texts_->resize(rows.size(0));
  }
  sums_ += rows;
  ++n_texts_;
  return true;
}

bool Variation::add_deviation(const AttentionPatterns& patterns) {
  if (patterns.n_positions() < n_rows_) return false;
  if (n_texts_ == 0) throw UsageError("deviations from a mean that no text has been added to");
  const at::Tensor rows = first_rows(patterns);
  const at::Tensor deviation = (rows - from_fixed(sums_) / n_texts_).abs();
  const at::Tensor v = deviation.sum({1, 2}) / (2 * rows.sum({1, 2}));
  for (std::size_t head = 0; head < of_texts_->size(); ++head) {
    (*of_texts_)[head].add(v[static_cast<std::int64_t>(head)].item<double>());
  }
  const auto without_first = [this](const at::Tensor& cells) {
    return to_fixed(cells.narrow(2, 1, n_rows_ - 1).sum({1, 2}));
  };
  rest_deviation_ += without_first(deviation);
  rest_mass_ += without_first(rows);
  return true;
}

std::vector<std::optional<HeadVariation>> Variation::result() const {
  const auto n_seen = of_texts_->empty() ? 0 : of_texts_->front().count();
  if (n_seen != n_texts_) {
    throw UsageError("variation: the second pass saw " + std::to_string(n_seen) +
                     " texts, the first " + std::to_string(n_texts_));
  }
  std::vector<std::optional<HeadVariation>> result(of_texts_->size());
  if (n_texts_ < kFewestTexts) return result;
  std::vector<const Samples*> samples;
  for (const Samples& of_head : *of_texts_) samples.push_back(&of_head);
  const auto statistics = statistics_of(samples, 1000, seed_);
  const auto n = static_cast<double>(n_texts_);
  const at::Tensor deviation = from_fixed(rest_deviation_), mass = from_fixed(rest_mass_);
  for (std::size_t head = 0; head < result.size(); ++head) {
    HeadVariation& of_head = result[head].emplace();
    of_head.v = statistics[head]->mean;
    of_head.corrected = of_head.v * n / (n - 1);
    of_head.ci = statistics[head]->ci;
    of_head.n_texts = n_texts_;
    const auto place = static_cast<std::int64_t>(head);
    const double rest = mass[place].item<double>();
    if (rest > 1e-6) of_head.v_without_first = deviation[place].item<double>() / (2 * rest);
  }
  return result;
}

}  // namespace attnviz
