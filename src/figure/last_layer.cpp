#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>

#include "attnviz/error.h"
#include "figure/axis.h"
#include "figure/border.h"
#include "figure/choice.h"
#include "figure/lettering.h"
#include "figure/page.h"

namespace attnviz {
namespace {

// Points.
constexpr double title_points = 16, text_points = 13, axis_points = 13, bar_points = 11.5;

// Fewer tokens than this leave room for the numbers.
constexpr std::int64_t numbers_below = 15;

// How much wider than high a cell may be. The picture is broad, and so are the numbers in the cells
// of short texts; a pattern of many cells is read by its slopes, which a square keeps.
double widest_cell(std::int64_t n_positions) {
  if (n_positions < numbers_below) return 1.3;
  return n_positions < 100 ? 1.15 : 1;
}

/// Where heads were chosen, the last layer that has some of them; else the last one, and that it
/// has none left is told.
int last_with_heads(const Choice& choice, const HeadChoice& chosen) {
  for (auto layer = choice.layers.rbegin(); layer != choice.layers.rend(); ++layer) {
    if (chosen.is_all() || choice.patterns.n_heads(*layer) > 0) return *layer;
  }
  return choice.layers.back();
}

std::string title_of(const Choice& choice, const FigureOptions& options) {
  if (options.choice.is_all()) return "Last Layer Attention Pattern";
  const int layer = last_with_heads(choice, options.choice);
  std::string title = "Layer " + std::to_string(layer);
  if (!options.choice.heads.empty() || !options.choice.only.empty()) {
    title += ", " + name_of_heads(heads_of(choice, layer));
  }
  return title + " Attention Pattern";
}

class LastLayer {
 public:
  LastLayer(const View& view, const FigureOptions& options);
  Drawing draw();

 private:
  void plan();
  Box heatmap_box() const;
  Drawing draw_without_heads();
  void draw_titles(const Box& box);
  void draw_axis_titles(const Box& box);
  void draw_numbers(const Box& box);
  std::int64_t most() const { return std::max(choice_.n_queries(), choice_.n_keys()); }
  std::vector<std::string> notes(const std::string& shrink) const;
  CellCount cells() const { return {choice_.n_queries(), choice_.n_keys()}; }

  Choice choice_;
  std::string title_, text_;
  Sheet sheet_;
  int layer_ = 0;
  std::string left_;  // what leaving out the first key has left of it; or empty
  at::Tensor mean_;   // undefined where the layer has no heads left
  FigureScale scale_;
  ColourBarText bar_;
  Axes axes_;
};

LastLayer::LastLayer(const View& view, const FigureOptions& options)
    : choice_(choose(view, options.choice, options.focus)),
      text_(view.text),
      sheet_(12, 8, options.dpi),
      layer_(last_with_heads(choice_, options.choice)) {
  const ShownPattern shown = mean_over_heads(choice_, layer_);
  mean_ = shown.values;
  left_ = shown.left;
  title_ = title_of(choice_, options);
  if (!mean_.defined()) return;
  scale_ = scale_of({mean_}, choice_.causal(), options.scale, ColourMap::blues);
  if (scale_.kind == ColourScale::panel) scale_.kind = ColourScale::figure;  // one panel: the same
  const bool is_mean = choice_.patterns.n_heads(layer_) > 1;
  bar_ = bar_text(scale_, is_mean ? "Attention weight, mean over heads" : "Attention weight",
                  sheet_.font(bar_points));
}

void LastLayer::plan() {
  TokenNames names{
      .largest = 12, .smallest = 8, .width = 90, .columns_angle = 45, .fewer = most() + 1};
  const double nominal = sheet_.px(72 * 5.8);
  const AxisTokens rows{choice_.queries, choice_.first_query};
  const AxisTokens columns{choice_.keys, choice_.first_key};
  axes_ = plan_axes(sheet_, rows, columns, names, nominal * widest_cell(most()), nominal);
  names.largest = std::max(names.smallest, axes_.rows.size / sheet_.pixels_per_point);
  const Box box = heatmap_box();
  axes_ = plan_axes(sheet_, rows, columns, names, box.width, box.height);
}

Box LastLayer::heatmap_box() const {
  const auto px = [this](double points) { return sheet_.px(points); };
  const PanelSpace space{.left = px(margin + axis_points + 8) + axes_.rows.depth,
                         .top = px(margin + title_points + 5 + text_points + 9),
                         .right = px(2 * margin) + colour_bar_width(sheet_, bar_),
                         .bottom = px(margin + note_points + 6 + axis_points + 6) +
                                   axes_.columns.depth +
                                   notes_height(sheet_, notes(longest_shrink_note(cells()))),
                         .gap_x = 0,
                         .gap_y = 0};
  return Panels(sheet_.drawing, space, 1, 1, cells(), widest_cell(most())).at(0, 0);
}

Drawing LastLayer::draw() {
  if (!mean_.defined()) return draw_without_heads();
  plan();
  const Box box = heatmap_box();
  draw_titles(box);
  draw_axis_titles(box);
  HeatmapItem& item = draw_heatmap(sheet_, box, mean_, choice_.causal(), scale_);
  item.leaves_out = !choice_.focus.is_none();
  item.name = "L" + std::to_string(layer_);
  draw_border(sheet_, box, choice_, scale_.colours);
  draw_axis(sheet_, axes_.rows, box);
  draw_axis(sheet_, axes_.columns, box);
  if (most() < numbers_below) draw_numbers(box);
  draw_bar(sheet_, scale_, bar_, box);
  draw_notes(sheet_, notes(shrink_note(box, cells())));
  return std::move(sheet_.drawing);
}

std::vector<std::string> LastLayer::notes(const std::string& shrink) const {
  std::vector<std::string> notes = choice_.notes;
  for (std::string& note : notes) {
    if (!left_.empty() && note == notes_of({.drop_first = true})[0]) note += " (" + left_ + ")";
  }
  notes.push_back(scale_note(scale_));
  notes.push_back(shrink);
  return notes;
}

Drawing LastLayer::draw_without_heads() {
  const Box page{0, 0, static_cast<double>(sheet_.drawing.width),
                 static_cast<double>(sheet_.drawing.height)};
  draw_titles(page);
  sheet_.text("Layer " + std::to_string(layer_) + " has no heads left", page.width / 2,
              page.height / 2, sheet_.font(axis_points), Anchor::middle);
  return std::move(sheet_.drawing);
}

void LastLayer::draw_titles(const Box& box) {
  const auto px = [this](double points) { return sheet_.px(points); };
  draw_title(sheet_, {"", {{title_, false}}, ""}, px(margin), title_points, box);
  draw_title(sheet_, {"\"", visible(text_), "\""}, px(margin + title_points + 5), text_points, box);
}

void LastLayer::draw_axis_titles(const Box& box) {
  const auto px = [this](double points) { return sheet_.px(points); };
  const double axis = sheet_.font(axis_points);
  const auto rows =
      shortened({{"Token (Query)" + thinning_note(axes_.rows), false}}, axis, box.height);
  sheet_.text(rows, box.x - axes_.rows.depth - px(8) - 0.2 * axis, box.y + box.height / 2, axis,
              Anchor::middle, 90);
  const auto columns =
      shortened({{"Attends To (Key)" + thinning_note(axes_.columns), false}}, axis, box.width);
  sheet_.text(columns, box.x + box.width / 2,
              box.y + box.height + axes_.columns.depth + px(5) + 0.76 * axis, axis, Anchor::middle);
}

void LastLayer::draw_numbers(const Box& box) {
  const auto range = range_of(mean_, choice_.causal(), scale_);
  const auto [n_queries, n_keys] = cells();
  const double across = box.width / static_cast<double>(n_keys);
  const double down = box.height / static_cast<double>(n_queries);
  const double points = std::min(13.0, std::min(across / 3, down / 2) / sheet_.pixels_per_point);
  const double size = sheet_.font(points);
  for (std::int64_t q = 0; q < n_queries; ++q) {
    for (std::int64_t k = 0; k < (choice_.causal() ? n_seen(q, n_queries, n_keys) : n_keys); ++k) {
      const float value = mean_.data_ptr<float>()[q * n_keys + k];
      if (std::isnan(value) && !choice_.focus.is_none()) continue;  // left out
      const auto cell = std::isnan(value)
                            ? missing_colour
                            : levels(scale_.colours)[level_of(place_of(value, range))];
      sheet_.text(decimal(value, 2), box.x + (static_cast<double>(k) + 0.5) * across,
                  box.y + (static_cast<double>(q) + 0.5) * down + 0.365 * size, size,
                  Anchor::middle, 0, readable_on(cell));
    }
  }
}

}  // namespace

Drawing layout_last_layer(const View& view, const FigureOptions& options) {
  return LastLayer(view, options).draw();
}

}  // namespace attnviz
