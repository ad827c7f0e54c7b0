// What a picture costs, counted in work and not in seconds: the same on every machine.
#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <new>

#include "figure/heatmap.h"
#include "fixtures.h"

#ifndef ATTNVIZ_SANITIZED  // which has an operator new of its own

namespace {
std::atomic<std::size_t> allocated = 0;
}

void* operator new(std::size_t size) {
  allocated += size;
  if (void* memory = std::malloc(size > 0 ? size : 1)) return memory;
  throw std::bad_alloc();
}
void operator delete(void* memory) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
  std::free(memory);
}

namespace attnviz {
namespace {

TEST(Work, a_picture_takes_less_memory_than_its_pixels_have) {
  const auto drawing =
      layout_grid(view_of(make_patterns({8, 8, 8, 8, 8, 8}, 11), make_labels(11), question));
  (void)encode_png(drawing, 150);  // opens fonts
  const std::size_t n_pixels = std::size_t(drawing.width) * std::size_t(drawing.height);
  allocated = 0;
  (void)encode_png(drawing, 150);
  EXPECT_LT(allocated, 5 * n_pixels / 2);
  allocated = 0;
  (void)encode_png(paint(drawing), 150);
  EXPECT_GT(allocated, 5 * n_pixels);
}

}  // namespace
}  // namespace attnviz

#endif

namespace attnviz {
namespace {

TEST(Work, a_row_of_cells_is_looked_at_once) {
  const auto patterns = make_patterns({1}, 7);
  HeatmapItem item;
  item.box = {0, 0, 700, 900};
  item.values = patterns.layers[0][0];
  HeatmapRows rows(item);
  int n_looked_at = 0;
  for (int y = 0; y < 900; ++y) n_looked_at += rows.seek(y);
  EXPECT_EQ(n_looked_at, 7);
}

}  // namespace
}  // namespace attnviz
