#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>

#include "figure/axis.h"
#include "figure/border.h"
#include "figure/choice.h"
#include "figure/lettering.h"
#include "figure/page.h"

namespace attnviz {
namespace {

// Points.
constexpr double title_points = 18, head_points = 13, layer_points = 13, bar_points = 12;
constexpr double panel_gap = 6;

constexpr double widest_panel = 1.25;  // how much wider than high, or higher than wide

// 6 layers of 8 heads make the 20 × 15 inches of the figure that this one replaces: panels of
// 2.13 inches, a gap between them, and the rest for all that is written around them. Other numbers
// keep the width of 20 and let the height follow the layers, so that panels stay square. Where
// heads are few, panels grow to 5.76 inches, or to what makes a column of 24, and no further; where
// they are many, panels shrink to half an inch and no further: there the width follows them.
constexpr double panel_side = 2.13, gap = panel_gap / 72;
constexpr double around_width = 20 - (8 * panel_side + 7 * gap);
constexpr double around_height = 15 - (6 * panel_side + 5 * gap);
constexpr double least_width = 5;  // leaves the title some room

double panel_inches(int rows, int columns) {
  const double across = (20 - around_width - (columns - 1) * gap) / columns;
  return std::clamp(std::min(across, 24.0 / rows), 0.5, 5.76);
}

Sheet make_sheet(int rows, int columns, int dpi) {
  const double side = panel_inches(rows, columns);
  const double width = around_width + columns * side + (columns - 1) * gap;
  return {std::max(least_width, width), around_height + rows * side + (rows - 1) * gap, dpi};
}

std::vector<std::string> names(const std::string& of, const std::vector<int>& numbers) {
  std::vector<std::string> all;
  for (const int number : numbers) all.push_back(of + std::to_string(number));
  return all;
}

std::string longest(const std::vector<std::string>& names) {
  return *std::max_element(names.begin(), names.end(),
                           [](const auto& a, const auto& b) { return a.size() < b.size(); });
}

class Grid {
 public:
  Grid(const View& view, const FigureOptions& options);
  Drawing draw();

 private:
  void plan();
  PanelSpace space() const;
  std::vector<std::string> notes(const std::string& shrink) const;
  CellCount cells() const { return {choice_.n_queries(), choice_.n_keys()}; }
  Panels panels() const {
    return {sheet_.drawing, space(), rows_, columns_, cells(), widest_panel};
  }
  double caption_points() const {
    return std::clamp(72 * panel_inches(rows_, columns_) / 7, 5.0, 9.0);
  }
  bool is_caption_inside(const Box& panel) const;
  void draw_panels(const Panels& panels);
  bool has_captions() const { return !longest(captions_).empty(); }
  void draw_caption(const Box& panel, const std::string& caption);
  void draw_names(const Panels& panels);
  void draw_axes(const Panels& panels);
  bool has_panel(int row, int column) const { return values_at(row, column).defined(); }
  const at::Tensor& values_at(int row, int column) const {
    return values_[row * columns_ + column];
  }

  std::string text_;
  Choice choice_;
  int rows_, columns_;
  Sheet sheet_;
  std::vector<at::Tensor> values_;     // row by row; undefined where a layer lacks the head
  std::vector<std::string> captions_;  // likewise; all empty where there are none
  FigureScale scale_;
  ColourBarText bar_;
  Axes axes_;
  bool captions_above_ = false;
};

Grid::Grid(const View& view, const FigureOptions& options)
    : text_(view.text),
      choice_(choose(view, options.choice, options.focus)),
      rows_(static_cast<int>(choice_.layers.size())),
      columns_(static_cast<int>(choice_.heads.size())),
      sheet_(make_sheet(rows_, columns_, options.dpi)) {
  for (const int layer : choice_.layers) {
    for (const int head : choice_.heads) {
      const ShownPattern shown = pattern_of(choice_, layer, head);
      values_.push_back(shown.values);
      captions_.push_back(shown.left);
    }
  }
  scale_ = scale_of(values_, choice_.causal(), options.scale, ColourMap::viridis);
  bar_ = bar_text(scale_, "Attention weight", sheet_.font(bar_points));
  if (scale_.kind != ColourScale::panel) return;
  for (std::size_t i = 0; i < values_.size(); ++i) {
    if (!values_[i].defined()) continue;
    captions_[i] = maximum_note(values_[i], choice_.causal()) + (captions_[i].empty() ? "" : ", ") +
                   captions_[i];
  }
}

// Labels take room from the panels, and their letters follow the panels' size: planned first for
// panels of the nominal size, then for those that this leaves.
void Grid::plan() {
  TokenNames names{.largest = 11, .smallest = 5, .width = 58, .columns_angle = 90, .fewer = 20};
  const double nominal = sheet_.px(72 * panel_inches(rows_, columns_)) * 0.95;
  const AxisTokens rows{choice_.queries, choice_.first_query};
  const AxisTokens columns{choice_.keys, choice_.first_key};
  axes_ = plan_axes(sheet_, rows, columns, names, nominal, nominal);
  names.largest = std::max(names.smallest, axes_.rows.size / sheet_.pixels_per_point);
  const Box panel = panels().at(0, 0);
  axes_ = plan_axes(sheet_, rows, columns, names, panel.width, panel.height);
}

PanelSpace Grid::space() const {
  const auto px = [this](double points) { return sheet_.px(points); };
  const double caption = captions_above_ ? px(caption_points() + 3) : 0;
  return {.left = px(margin + layer_points + 6) + axes_.rows.depth,
          .top = px(margin + title_points + 8 + head_points + 5) + caption,
          .right = px(margin + margin) + colour_bar_width(sheet_, bar_),
          .bottom = px(margin + note_points + 7) + axes_.columns.depth +
                    notes_height(sheet_, notes(longest_shrink_note(cells()))),
          .gap_x = px(panel_gap),
          .gap_y = px(panel_gap) + caption};
}

Drawing Grid::draw() {
  plan();
  if (has_captions()) {
    captions_above_ = !is_caption_inside(panels().at(0, 0));
    if (captions_above_) plan();
  }
  const Panels panels = this->panels();
  draw_panels(panels);
  draw_names(panels);
  draw_axes(panels);
  draw_bar(sheet_, scale_, bar_, panels.all());
  draw_notes(sheet_, notes(shrink_note(panels.at(0, 0), cells())));
  return std::move(sheet_.drawing);
}

std::vector<std::string> Grid::notes(const std::string& shrink) const {
  std::vector<std::string> notes = {"rows are queries, columns are keys" +
                                    thinning_note(axes_.columns)};
  notes.insert(notes.end(), choice_.notes.begin(), choice_.notes.end());
  notes.push_back(scale_note(scale_));
  notes.push_back(shrink);
  return notes;
}

// The caption stands in the upper right corner, free of cells where the pattern is causal.
bool Grid::is_caption_inside(const Box& panel) const {
  const double size = sheet_.font(caption_points()), down = size + sheet_.px(3);
  const double cell = panel.height / static_cast<double>(choice_.n_queries());
  const auto seen =
      n_seen(std::llround(std::floor(down / cell)), choice_.n_queries(), choice_.n_keys());
  const double first_free =
      static_cast<double>(seen) * panel.width / static_cast<double>(choice_.n_keys());
  const double width = measure({{longest(captions_), false}}, size).width + sheet_.px(6);
  return choice_.causal() && panel.width - first_free >= width;
}

void Grid::draw_panels(const Panels& panels) {
  for (int row = 0; row < rows_; ++row) {
    for (int column = 0; column < columns_; ++column) {
      if (!has_panel(row, column)) continue;
      const Box box = panels.at(row, column);
      HeatmapItem& item =
          draw_heatmap(sheet_, box, values_at(row, column), choice_.causal(), scale_);
      item.leaves_out = !choice_.focus.is_none();
      item.name = to_string(HeadId{choice_.layers[row], choice_.heads[column]});
      draw_border(sheet_, box, choice_, scale_.colours);
      draw_caption(box, captions_[row * columns_ + column]);
    }
  }
}

void Grid::draw_caption(const Box& panel, const std::string& caption) {
  const double size = sheet_.font(caption_points());
  const double right = panel.x + panel.width;
  if (captions_above_) {
    sheet_.text(caption, right, panel.y - sheet_.px(3), size, Anchor::end, 0, quiet_colour);
  } else {
    sheet_.text(caption, right - sheet_.px(3), panel.y + sheet_.px(3) + 0.73 * size, size,
                Anchor::end, 0, quiet_colour);
  }
}

void Grid::draw_names(const Panels& panels) {
  const auto px = [this](double points) { return sheet_.px(points); };
  draw_title(sheet_, {"Attention Patterns: \"", visible(text_), "\""}, px(margin), title_points,
             panels.all());
  const double above = captions_above_ ? px(caption_points() + 3) : 0;
  const Box first = panels.at(0, 0);
  const auto heads = names("Head ", choice_.heads), layers = names("Layer ", choice_.layers);
  const double head = sheet_.font_within(longest(heads), head_points, 4, first.width);
  const double layer = sheet_.font_within(longest(layers), layer_points, 4, first.height);
  for (int column = 0; column < columns_; ++column) {
    const Box box = panels.at(0, column);
    sheet_.text(heads[column], box.x + box.width / 2, box.y - px(5) - above, head, Anchor::middle);
  }
  for (int row = 0; row < rows_; ++row) {
    const Box box = panels.at(row, 0);
    sheet_.text(layers[row], box.x - axes_.rows.depth - px(6) - 0.24 * layer,
                box.y + box.height / 2, layer, Anchor::middle, 90);
  }
}

// Along the outer panels only: the others have the same. Rows have theirs at the left of all
// panels: in the place of a missing one it could meet the columns'.
void Grid::draw_axes(const Panels& panels) {
  for (int row = 0; row < rows_; ++row) {
    bool is_any = false;
    for (int column = 0; column < columns_; ++column) is_any = is_any || has_panel(row, column);
    if (is_any) draw_axis(sheet_, axes_.rows, panels.at(row, 0));
  }
  for (int column = 0; column < columns_; ++column) {
    for (int row = rows_ - 1; row >= 0; --row) {
      if (!has_panel(row, column)) continue;
      draw_axis(sheet_, axes_.columns, panels.at(row, column));
      break;
    }
  }
}

}  // namespace

Drawing layout_grid(const View& view, const FigureOptions& options) {
  return Grid(view, options).draw();
}

}  // namespace attnviz
