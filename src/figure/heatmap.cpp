#include "figure/heatmap.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "figure/colours.h"
#include "figure/scale.h"

namespace attnviz {
namespace {

constexpr float infinity = std::numeric_limits<float>::infinity();

// Of each column over some rows. NaN is passed over; smallest is kept for a diverging map alone.
struct Extremes {
  std::vector<float> largest, smallest;
};

void find_extremes(const HeatmapItem& item, CellSpan rows, Extremes& found) {
  auto& [largest, smallest] = found;
  const auto columns = item.values.size(1);
  const float* cell = item.values.data_ptr<float>();
  std::fill(largest.begin(), largest.end(), -infinity);
  std::fill(smallest.begin(), smallest.end(), infinity);
  for (auto q = rows.from; q < rows.to; ++q) {
    const float* row = cell + q * columns;
    const auto end = item.causal ? std::min(q + 1, columns) : columns;
    for (std::int64_t k = 0; k < end; ++k) largest[k] = row[k] > largest[k] ? row[k] : largest[k];
    if (!diverges(item.colours)) continue;
    for (std::int64_t k = 0; k < end; ++k) {
      smallest[k] = row[k] < smallest[k] ? row[k] : smallest[k];
    }
  }
}

// What a pixel over all of the cells between two values shows.
double shown_of(const HeatmapItem& item, float largest, float smallest) {
  if (!diverges(item.colours)) return largest;
  const double middle = (item.range.low + item.range.high) / 2;
  return largest - middle >= middle - smallest ? largest : smallest;
}

std::int16_t level_at(const HeatmapItem& item, const Extremes& of, CellSpan rows,
                      CellSpan columns) {
  if (item.causal && columns.from > rows.to - 1) return blank_pixel;
  float largest = -infinity, smallest = infinity;
  for (auto k = columns.from; k < columns.to; ++k) {
    largest = std::max(largest, of.largest[k]);
    smallest = std::min(smallest, of.smallest[k]);
  }
  if (largest == -infinity) return missing_pixel;
  const double value = shown_of(item, largest, smallest);
  return static_cast<std::int16_t>(level_of(place_of(value, item.range)));
}

bool operator==(CellSpan a, CellSpan b) {
  return a.from == b.from && a.to == b.to;
}

}  // namespace

std::vector<CellSpan> cells_under_pixels(std::int64_t pixels, std::int64_t cells) {
  std::vector<CellSpan> spans(static_cast<std::size_t>(pixels));
  for (std::int64_t p = 0; p < pixels; ++p) {
    const auto from = p * cells / pixels;
    spans[p] = {from, std::max(from + 1, (p + 1) * cells / pixels)};
    if (pixels >= cells) spans[p].to = from + 1;
  }
  return spans;
}

std::vector<std::int16_t> heatmap_levels(const HeatmapItem& item) {
  const auto width = std::llround(item.box.width), height = std::llround(item.box.height);
  const auto rows = cells_under_pixels(height, item.values.size(0));
  const auto columns = cells_under_pixels(width, item.values.size(1));
  std::vector<std::int16_t> pixels(static_cast<std::size_t>(width * height));
  const std::vector<float> none(static_cast<std::size_t>(item.values.size(1)));
  Extremes extremes{none, none};
  for (std::size_t y = 0; y < rows.size(); ++y) {
    auto* line = pixels.data() + static_cast<std::int64_t>(y) * width;
    if (y > 0 && rows[y] == rows[y - 1]) {
      std::copy_n(line - width, width, line);
      continue;
    }
    find_extremes(item, rows[y], extremes);
    for (std::size_t x = 0; x < columns.size(); ++x) {
      const bool is_same = x > 0 && columns[x] == columns[x - 1];
      line[x] = is_same ? line[x - 1] : level_at(item, extremes, rows[y], columns[x]);
    }
  }
  return pixels;
}

}  // namespace attnviz
