#include "page/packing.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "figure/compression.h"

namespace attnviz {
namespace {

constexpr double kOne = 65535;

std::uint16_t packed_weight(float weight, int step) {
  const double share = std::isnan(weight) ? 0 : std::clamp(double(weight), 0.0, 1.0);
  return static_cast<std::uint16_t>(std::lround(share * kOne / step) * step);
}

}  // namespace

std::uint64_t n_weights(const AttentionPatterns& patterns) {
  std::uint64_t n = 0;
  for (const at::Tensor& layer : patterns.layers) {
    const auto heads = static_cast<std::uint64_t>(layer.size(0));
    const auto rows = static_cast<std::uint64_t>(layer.size(1));
    n += heads * (patterns.causal ? rows * (rows + 1) / 2 : rows * rows);
  }
  return n;
}

std::string packed(const at::Tensor& layer, bool causal, int step) {
  const std::int64_t n_rows = layer.size(0) * layer.size(1), size = layer.size(2);
  const float* row = layer.data_ptr<float>();
  std::vector<std::uint8_t> low, high;
  for (std::int64_t i = 0; i < n_rows; ++i, row += size) {
    const std::int64_t end = causal ? i % size + 1 : size;
    for (std::int64_t key = 0; key < end; ++key) {
      const std::uint16_t weight = packed_weight(row[key], step);
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
