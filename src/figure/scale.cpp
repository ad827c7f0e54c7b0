#include "figure/scale.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <charconv>

namespace attnviz {

bool says_nothing(const at::Tensor& values, bool causal) {
  if (!causal || values.numel() == 0 || n_seen(0, values.size(0), values.size(1)) > 1) return false;
  const float own = *values.data_ptr<float>();
  return !(own > 0 && own < 1 - 1e-4F);  // a sink may take a part of it
}

double largest_weight(const at::Tensor& values, bool causal) {
  const auto rows = values.size(0), columns = values.size(1);
  const float* cell = values.data_ptr<float>();
  float largest = 0;
  for (std::int64_t q = says_nothing(values, causal) && rows > 1 ? 1 : 0; q < rows; ++q) {
    const float* row = cell + q * columns;
    const auto end = causal ? n_seen(q, rows, columns) : columns;
    for (std::int64_t k = 0; k < end; ++k) largest = row[k] > largest ? row[k] : largest;
  }
  return largest;
}

ValueRange value_range(ColourScale scale, double high) {
  if (scale == ColourScale::unit) return {0, 1, false};
  if (scale == ColourScale::log) return {0.001, 1, true};
  return {0, high > 0 && std::isfinite(high) ? high : 1, false};
}

std::vector<ScaleTick> scale_ticks(ColourScale scale, const ValueRange& range) {
  if (scale == ColourScale::log)
    return {{0, "0.001"}, {1 / 3.0, "0.01"}, {2 / 3.0, "0.1"}, {1, "1"}};
  const double step = round_step(range.high / 5.5);
  const int decimals = std::clamp(static_cast<int>(std::ceil(-std::log10(step) - 1e-9)), 1, 9);
  std::vector<ScaleTick> ticks;
  for (int i = 0; i * step <= range.high * (1 + 1e-6); ++i) {
    ticks.push_back({i * step / range.high, decimal(i * step, decimals)});
  }
  return ticks;
}

double round_step(double least) {
  const double power = std::pow(10, std::floor(std::log10(least)));
  for (const double factor : {1.0, 2.0, 5.0}) {
    if (factor * power >= least * (1 - 1e-9)) return factor * power;
  }
  return 10 * power;
}

std::string decimal(double value, int decimals) {
  if (std::isnan(value)) return "nan";
  char text[400];  // the largest double has 309 digits before its point
  const auto end =
      std::to_chars(text, text + sizeof text, value, std::chars_format::fixed, decimals);
  return {text, end.ptr};
}

}  // namespace attnviz
