// What a reader takes from a picture is what went in: of many made-up patterns, every cell's colour
// is mapped back to a weight, and every printed number is read.
#include <gtest/gtest.h>

#include <cmath>
#include <numeric>
#include <random>
#include <regex>

#include "figure/colours.h"
#include "figure/fixtures.h"
#include "figure/scale.h"

namespace attnviz {
namespace {

constexpr int kFigures = 200;

/// One layer of patterns, from nearly even to nearly all on one key.
at::Tensor random_layer(int n_heads, int n_positions, bool causal, std::mt19937& random) {
  std::uniform_real_distribution<double> sharpness(0.1, 8);
  at::Tensor scores = at::randn({n_heads, n_positions, n_positions}) * sharpness(random);
  if (causal) {
    scores = scores.masked_fill(at::ones({n_positions, n_positions}, at::kBool).triu(1), -INFINITY);
  }
  return at::softmax(scores, 2).contiguous();
}

struct Case {
  AttentionPatterns patterns;
  FigureOptions options;
  int n_positions;
};

Case random_case(int most_positions, std::mt19937& random) {
  const auto from = [&](int low, int high) {
    return std::uniform_int_distribution<int>(low, high)(random);
  };
  Case made;
  made.n_positions = from(1, most_positions);
  made.patterns.causal = from(0, 3) > 0;
  const int n_layers = from(1, 3);
  for (int layer = 0; layer < n_layers; ++layer) {
    made.patterns.layers.push_back(
        random_layer(from(1, 4), made.n_positions, made.patterns.causal, random));
  }
  made.options.dpi = from(60, 110);
  made.options.scale = static_cast<ColourScale>(from(0, 4));
  return made;
}

/// The patterns that a figure shows, in the order of its panels: [query, key] float64.
std::vector<at::Tensor> shown_by(std::size_t layout, const AttentionPatterns& patterns) {
  std::vector<at::Tensor> shown;
  for (const at::Tensor& layer : patterns.layers) {
    const at::Tensor exact = layer.to(at::kDouble);
    if (layout > 0) {
      shown.push_back(exact.mean(0));
    } else {
      for (std::int64_t head = 0; head < exact.size(0); ++head) shown.push_back(exact[head]);
    }
  }
  if (layout == 2) shown.erase(shown.begin(), shown.end() - 1);
  return shown;
}

/// Whether the map has this colour within half a step of t.
bool is_colour_of(Colour colour, ColourMap map, double t) {
  const double place = std::clamp(t, 0.0, 1.0) * (n_levels - 1);
  const auto& all = levels(map);
  for (int level = 0; level < n_levels; ++level) {
    if (all[std::size_t(level)] == colour && std::abs(level - place) <= 0.5 + 1e-3) return true;
  }
  return false;
}

using Rows = std::vector<std::vector<double>>;

/// What is to be seen of a pattern, by plain loops: NaN where there is nothing.
Rows looked_at(const at::Tensor& pattern, bool causal, const Focus& focus) {
  const auto weights = pattern.accessor<double, 2>();
  const std::int64_t n_queries = weights.size(0), n_keys = weights.size(1);
  Rows rows;
  for (std::int64_t q = 0; q < n_queries; ++q) {
    const std::int64_t n_seen = causal ? q + 1 + n_keys - n_queries : n_keys;
    std::vector<double> row(std::size_t(n_keys), NAN);
    for (std::int64_t k = 0; k < n_seen; ++k) row[std::size_t(k)] = weights[q][k];
    if (focus.drop_first) {
      if (n_seen < 2) continue;
      row.erase(row.begin());
      const double rest = std::accumulate(row.begin(), row.begin() + n_seen - 1, 0.0);
      for (double& weight : row) weight = rest > 1e-6 ? weight / rest : NAN;
    }
    std::vector<double> sorted;
    std::copy_if(row.begin(), row.end(), std::back_inserter(sorted),
                 [](double weight) { return !std::isnan(weight); });
    std::sort(sorted.rbegin(), sorted.rend());
    if (focus.top > 0 && std::size_t(focus.top) < sorted.size()) {
      const double least = sorted[std::size_t(focus.top - 1)];
      for (double& weight : row) weight = weight < least ? NAN : weight;
    }
    rows.push_back(row);
  }
  return rows;
}

struct Cells {
  std::int64_t n = 0, n_blank = 0, n_wrong = 0;
};

/// Holds each cell of a figure, as its PNG has it, against what is to be seen of the patterns.
void judge(std::size_t layout, const View& view, const FigureOptions& options, Cells& cells) {
  Drawing drawing = layouts[layout](view, options);
  const std::vector<at::Tensor> shown = shown_by(layout, view.patterns);
  ASSERT_EQ(drawing.heatmaps.size(), shown.size());
  drawing.texts.clear();  // no letters in the way
  const cv::Mat3b picture = decode(encode_png(drawing, options.dpi));
  for (std::size_t panel = 0; panel < shown.size(); ++panel) {
    const HeatmapItem& map = drawing.heatmaps[panel];
    const Rows rows = looked_at(shown[panel], view.patterns.causal, options.focus);
    for (std::size_t q = 0; q < rows.size(); ++q) {
      for (std::size_t k = 0; k < rows[q].size(); ++k, ++cells.n) {
        const int y = int(map.box.y + (double(q) + 0.5) * map.box.height / double(rows.size()));
        const int x = int(map.box.x + (double(k) + 0.5) * map.box.width / double(rows[q].size()));
        const Colour colour = colour_of(picture(y, x));
        const bool is_blank = std::isnan(rows[q][k]);
        const bool is_right =
            is_blank ? colour == white
                     : is_colour_of(colour, map.colours, place_of(rows[q][k], map.range));
        cells.n_wrong += !is_right;
        cells.n_blank += is_blank;
      }
    }
  }
}

TEST(Numbers, each_cell_s_colour_is_within_half_a_step_of_its_weight) {
  std::mt19937 random(0);
  at::manual_seed(0);
  Cells cells;
  for (int i = 0; i < kFigures; ++i) {
    const Case made = random_case(40, random);
    const View view = view_of(made.patterns, make_labels(made.n_positions), question);
    ASSERT_NO_FATAL_FAILURE(judge(std::size_t(i) % layouts.size(), view, made.options, cells));
  }
  EXPECT_EQ(cells.n_wrong, 0);
  std::printf("%d pictures, %ld cells\n", kFigures, long(cells.n));
  RecordProperty("cases", int(cells.n));
}

/// Of the last queries, as a cache leaves them, or of any queries and other keys.
AttentionPatterns rectangle_of(const AttentionPatterns& square, std::int64_t n_queries) {
  AttentionPatterns some = square;
  for (at::Tensor& layer : some.layers) {
    layer = layer.slice(1, square.n_keys() - n_queries).contiguous();
  }
  return some;
}

TEST(Numbers, each_cell_of_a_view_is_within_half_a_step_of_its_weight_or_blank) {
  std::mt19937 random(2);
  at::manual_seed(2);
  Cells cells;
  for (int i = 0; i < kFigures; ++i) {
    Case made = random_case(30, random);
    if (made.n_positions < 3) continue;
    const auto n_queries = std::uniform_int_distribution<int>(2, made.n_positions)(random);
    made.options.focus = {random() % 2 == 0, std::int64_t(random() % 4)};
    const View view{rectangle_of(made.patterns, n_queries), make_labels(n_queries),
                    make_labels(made.n_positions), question};
    ASSERT_NO_FATAL_FAILURE(judge(std::size_t(i) % layouts.size(), view, made.options, cells));
  }
  EXPECT_EQ(cells.n_wrong, 0);
  std::printf("%ld cells, %ld of them blank\n", long(cells.n), long(cells.n_blank));
  RecordProperty("cases", int(cells.n));
}

TEST(Numbers, the_printed_decimals_are_those_of_the_weight) {
  std::mt19937 random(1);
  at::manual_seed(1);
  const std::regex two_decimals("[01]\\.[0-9][0-9]");
  int n_numbers = 0;
  for (int i = 0; i < kFigures; ++i) {
    const Case made = random_case(14, random);
    const Drawing drawing = layout_last_layer(
        view_of(made.patterns, make_labels(made.n_positions), question), made.options);
    const at::Tensor shown = shown_by(2, made.patterns).at(0);
    const Box& box = drawing.heatmaps.at(0).box;
    int n_found = 0;
    for (const TextItem& text : drawing.texts) {
      const double across = (text.x - box.x) / box.width * made.n_positions;
      const double down = (text.y - box.y) / box.height * made.n_positions;
      if (text.x < box.x || text.y < box.y || across >= made.n_positions ||
          down >= made.n_positions) {
        continue;
      }
      const std::string& number = text.parts.at(0).text;
      EXPECT_TRUE(std::regex_match(number, two_decimals)) << number;
      // The float32 mean may lie on the other side of a half.
      EXPECT_NEAR(std::stod(number), shown[int(down)][int(across)].item<double>(), 0.005 + 1e-6);
      ++n_found;
    }
    const int n = made.n_positions;
    EXPECT_EQ(n_found, made.patterns.causal ? n * (n + 1) / 2 : n * n);
    n_numbers += n_found;
  }
  std::printf("%d pictures, %d numbers\n", kFigures, n_numbers);
  RecordProperty("cases", n_numbers);
}

}  // namespace
}  // namespace attnviz
