#include "page/packing.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "figure/compression.h"

namespace attnviz {
namespace {

constexpr double kOne = 65535;

std::uint16_t packed_weight(float weight, const Packing& packing) {
  if (std::isnan(weight)) return packing.has_blanks ? kBlank : 0;
  const double value = std::clamp(double(weight), 0.0, 1.0) * kOne;
  const auto nearest = std::lround(value / packing.step) * packing.step;
  // Its neighbours are no further than 1/65535.
  if (packing.has_blanks && nearest == kBlank) return value < kBlank ? kBlank - 1 : kBlank + 1;
  return static_cast<std::uint16_t>(nearest);
}

/// How many keys of a row are packed.
std::int64_t row_end(bool causal, std::int64_t query, std::int64_t n_queries, std::int64_t n_keys) {
  return causal ? n_seen(query, n_queries, n_keys) : n_keys;
}

}  // namespace

std::uint64_t n_weights(const AttentionPatterns& patterns) {
  std::uint64_t n = 0;
  for (const at::Tensor& layer : patterns.layers) {
    for (std::int64_t q = 0; q < layer.size(1); ++q) {
      n += std::uint64_t(layer.size(0) * row_end(patterns.causal, q, layer.size(1), layer.size(2)));
    }
  }
  return n;
}

std::string packed(const at::Tensor& layer, const Packing& packing) {
  const std::int64_t n_queries = layer.size(1), n_keys = layer.size(2);
  const std::int64_t n_rows = layer.size(0) * n_queries;
  const float* row = layer.data_ptr<float>();
  std::vector<std::uint8_t> low, high;
  for (std::int64_t i = 0; i < n_rows; ++i, row += n_keys) {
    const std::int64_t end = row_end(packing.causal, i % n_queries, n_queries, n_keys);
    for (std::int64_t key = 0; key < end; ++key) {
      const std::uint16_t weight = packed_weight(row[key], packing);
      low.push_back(static_cast<std::uint8_t>(weight & 0xFFU));
      high.push_back(static_cast<std::uint8_t>(weight >> 8U));
    }
  }
  low.insert(low.end(), high.begin(), high.end());
  constexpr int kLevel = 6;
  const std::vector<std::uint8_t> bytes = compressed(low, kLevel);
  return {bytes.begin(), bytes.end()};
}

}  // namespace attnviz
