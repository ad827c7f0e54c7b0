#include <gtest/gtest.h>

#include "attnviz/error.h"
#include "figure/fixtures.h"

namespace attnviz {
namespace {

template <class Expected>
void expect_refused(const AttentionPatterns& patterns, int n_labels, const FigureOptions& options,
                    const std::string& word) {
  for (const auto layout : layouts) {
    try {
      (void)layout(view_of(patterns, make_labels(n_labels), "x"), options);
      ADD_FAILURE() << "not refused: " << word;
    } catch (const Expected& error) {
      EXPECT_NE(std::string(error.what()).find(word), std::string::npos) << error.what();
    }
  }
}

FigureOptions choosing(std::vector<int> layers, std::vector<int> heads) {
  return {.choice = {.layers = std::move(layers), .heads = std::move(heads)}};
}

TEST(Errors, labels_and_positions_must_be_as_many) {
  expect_refused<ShapeError>(make_patterns({2}, 5), 4, {}, "4 labels for 5 queries");
}

TEST(Errors, layers_and_heads_must_exist) {
  const auto patterns = make_patterns({2, 3}, 5);
  expect_refused<UsageError>(patterns, 5, choosing({2}, {}), "no layer 2");
  expect_refused<UsageError>(patterns, 5, choosing({-1}, {}), "no layer -1");
  expect_refused<UsageError>(patterns, 5, choosing({}, {3}), "no head 3");
  expect_refused<UsageError>(patterns, 5, choosing({0}, {2}), "no head 2");
}

TEST(Errors, patterns_must_be_of_one_size) {
  expect_refused<ShapeError>({}, 5, {}, "no layers");
  expect_refused<ShapeError>({{at::zeros({2, 5, 4})}, true}, 5, {}, "5 labels for 4 keys");
  expect_refused<ShapeError>({{at::zeros({5, 5})}, true}, 5, {}, "[5, 5]");
  expect_refused<ShapeError>({{at::zeros({1, 5, 5}), at::zeros({1, 4, 4})}, true}, 5, {},
                             "layer 1");
  expect_refused<ShapeError>({{at::zeros({1, 0, 0})}, true}, 0, {}, "[1, 0, 0]");
  expect_refused<FigureError>({{at::zeros({0, 5, 5})}, true}, 5, {}, "no heads");
}

TEST(Errors, resolutions_must_be_drawable) {
  for (const int dpi : {-1, 0, 5, 100000}) {
    expect_refused<FigureError>(make_patterns({1}, 3), 3, {.dpi = dpi}, "dots an inch");
  }
}

TEST(Errors, a_picture_too_large_is_refused_before_it_is_painted) {
  const auto patterns = make_light_patterns(std::vector<int>(96, 96), 3);
  EXPECT_THROW((void)layout_grid(view_of(patterns, make_labels(3), "x"), {.dpi = 1200}),
               FigureError);
}

TEST(Errors, a_drawing_that_reaches_beyond_its_picture_is_not_painted) {
  Drawing drawing;
  EXPECT_THROW((void)paint(drawing), FigureError);
  drawing.width = drawing.height = 10;
  drawing.lines.push_back({{5, 5, 20, 1}, {}});
  EXPECT_THROW((void)paint(drawing), FigureError);
}

}  // namespace
}  // namespace attnviz
