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

// What a pixel over all of the cells between two values shows.
double shown_of(const HeatmapItem& item, float largest, float smallest) {
  if (!diverges(item.colours)) return largest;
  const double middle = (item.range.low + item.range.high) / 2;
  return largest - middle >= middle - smallest ? largest : smallest;
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

HeatmapRows::HeatmapRows(const HeatmapItem& item)
    : item_(&item),
      rows_(cells_under_pixels(std::llround(item.box.height), item.values.size(0))),
      columns_(cells_under_pixels(std::llround(item.box.width), item.values.size(1))),
      largest_(std::size_t(item.values.size(1))),
      smallest_(largest_.size()),
      levels_(columns_.size()) {}

bool HeatmapRows::seek(std::int64_t y) {
  if (rows_[y] == cells_) return false;
  cells_ = rows_[y];
  find_extremes();
  for (std::size_t x = 0; x < columns_.size(); ++x) {
    const bool is_same = x > 0 && columns_[x] == columns_[x - 1];
    levels_[x] = is_same ? levels_[x - 1] : level_at(columns_[x]);
  }
  return true;
}

void HeatmapRows::find_extremes() {
  const auto columns = item_->values.size(1);
  const float* cell = item_->values.data_ptr<float>();
  std::fill(largest_.begin(), largest_.end(), -infinity);
  std::fill(smallest_.begin(), smallest_.end(), infinity);
  for (auto q = cells_.from; q < cells_.to; ++q) {
    const float* row = cell + q * columns;
    const auto end = item_->causal ? n_seen(q, item_->values.size(0), columns) : columns;
    for (std::int64_t k = 0; k < end; ++k)
      largest_[k] = row[k] > largest_[k] ? row[k] : largest_[k];
    if (!diverges(item_->colours)) continue;
    for (std::int64_t k = 0; k < end; ++k) {
      smallest_[k] = row[k] < smallest_[k] ? row[k] : smallest_[k];
    }
  }
}

std::int16_t HeatmapRows::level_at(CellSpan columns) const {
  const std::int64_t n_queries = item_->values.size(0), n_keys = item_->values.size(1);
  if (item_->causal && columns.from >= n_seen(cells_.to - 1, n_queries, n_keys)) return blank_pixel;
  float largest = -infinity, smallest = infinity;
  for (auto k = columns.from; k < columns.to; ++k) {
    largest = std::max(largest, largest_[k]);
    smallest = std::min(smallest, smallest_[k]);
  }
  if (largest == -infinity) return item_->leaves_out ? blank_pixel : missing_pixel;
  const double value = shown_of(*item_, largest, smallest);
  return static_cast<std::int16_t>(level_of(place_of(value, item_->range)));
}

}  // namespace attnviz
