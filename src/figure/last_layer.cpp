#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>

#include "attnviz/error.h"
#include "figure/axis.h"
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

std::string title_of(const Choice& choice, const FigureOptions& options) {
  if (options.layers.empty() && options.heads.empty()) return "Last Layer Attention Pattern";
  std::string title = "Layer " + std::to_string(choice.layers.back());
  if (!options.heads.empty()) title += ", " + name_of_heads(options.heads);
  return title + " Attention Pattern";
}

class LastLayer {
 public:
  LastLayer(const AttentionPatterns& patterns, std::span<const Label> labels,
            const std::string& text, const FigureOptions& options);
  Drawing draw();

 private:
  void plan();
  Box heatmap_box() const;
  Drawing draw_without_heads();
  void draw_titles(const Box& box);
  void draw_axis_titles(const Box& box);
  void draw_numbers(const Box& box);
  std::int64_t count() const { return static_cast<std::int64_t>(labels_.size()); }

  std::span<const Label> labels_;
  std::string title_, text_;
  bool causal_;
  Sheet sheet_;
  int layer_ = 0;
  at::Tensor mean_;  // undefined where the layer has no heads left
  FigureScale scale_;
  ColourBarText bar_;
  Axes axes_;
};

LastLayer::LastLayer(const AttentionPatterns& patterns, std::span<const Label> labels,
                     const std::string& text, const FigureOptions& options)
    : labels_(labels), text_(text), causal_(patterns.causal), sheet_(12, 8, options.dpi) {
  const auto choice = choose(patterns, labels, options);
  layer_ = choice.layers.back();
  mean_ = mean_over_heads(patterns, layer_, choice.heads);
  title_ = title_of(choice, options);
  if (!mean_.defined()) {
    if (options.layers.empty() && options.heads.empty()) return;  // nobody asked for that layer
    throw FigureError("layer " + std::to_string(layer_) + " has none of the chosen heads; it has " +
                      heads_left(patterns, layer_));
  }
  scale_ = scale_of({mean_}, causal_, options.scale, ColourMap::blues);
  if (scale_.kind == ColourScale::panel) scale_.kind = ColourScale::figure;  // one panel: the same
  const bool is_mean = std::count_if(choice.heads.begin(), choice.heads.end(), [&](int head) {
                         return has_head(patterns, layer_, head);
                       }) > 1;
  bar_ = bar_text(scale_, is_mean ? "Attention weight, mean over heads" : "Attention weight",
                  sheet_.font(bar_points));
}

void LastLayer::plan() {
  TokenNames names{
      .largest = 12, .smallest = 8, .width = 90, .columns_angle = 45, .fewer = count() + 1};
  const double nominal = sheet_.px(72 * 5.8);
  axes_ = plan_axes(sheet_, labels_, names, nominal * widest_cell(count()), nominal);
  names.largest = std::max(names.smallest, axes_.rows.size / sheet_.pixels_per_point);
  const Box box = heatmap_box();
  axes_ = plan_axes(sheet_, labels_, names, box.width, box.height);
}

Box LastLayer::heatmap_box() const {
  const auto px = [this](double points) { return sheet_.px(points); };
  const PanelSpace space{
      .left = px(margin + axis_points + 8) + axes_.rows.depth,
      .top = px(margin + title_points + 5 + text_points + 9),
      .right = px(2 * margin) + colour_bar_width(sheet_, bar_),
      .bottom = px(margin + note_points + 6 + axis_points + 6) + axes_.columns.depth,
      .gap_x = 0,
      .gap_y = 0};
  return Panels(sheet_.drawing, space, 1, 1, count(), widest_cell(count())).at(0, 0);
}

Drawing LastLayer::draw() {
  if (!mean_.defined()) return draw_without_heads();
  plan();
  const Box box = heatmap_box();
  draw_titles(box);
  draw_axis_titles(box);
  draw_heatmap(sheet_, box, mean_, causal_, scale_);
  draw_axis(sheet_, axes_.rows, box);
  draw_axis(sheet_, axes_.columns, box);
  if (count() < numbers_below) draw_numbers(box);
  draw_bar(sheet_, scale_, bar_, box);
  draw_notes(sheet_, {scale_note(scale_), shrink_note(box, count())});
  return std::move(sheet_.drawing);
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
  const auto range = range_of(mean_, causal_, scale_);
  const double n = static_cast<double>(count()), across = box.width / n, down = box.height / n;
  const double points = std::min(13.0, std::min(across / 3, down / 2) / sheet_.pixels_per_point);
  const double size = sheet_.font(points);
  for (std::int64_t q = 0; q < count(); ++q) {
    for (std::int64_t k = 0; k < (causal_ ? q + 1 : count()); ++k) {
      const float value = mean_.data_ptr<float>()[q * count() + k];
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

Drawing layout_last_layer(const AttentionPatterns& patterns, std::span<const Label> labels,
                          const std::string& text, const FigureOptions& options) {
  return LastLayer(patterns, labels, text, options).draw();
}

}  // namespace attnviz
