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
constexpr double title_points = 16, layer_points = 13, axis_points = 12, bar_points = 11.5;
constexpr double gap_x = 16, gap_y = 14;

constexpr double widest_panel = 1.25;  // how much wider than high, or higher than wide

struct Arrangement {
  int rows, columns;
};

// Three columns to two rows, as 6 layers have in the figure that this one replaces; of the two
// numbers of columns nearest to that, the one that leaves fewer places empty.
Arrangement arrange(int n) {
  const double ideal = std::sqrt(1.5 * n);
  const auto rows_of = [n](int columns) { return (n + columns - 1) / columns; };
  const int few = std::max(1, static_cast<int>(std::floor(ideal))), many = few + 1;
  const int empty_few = rows_of(few) * few - n, empty_many = rows_of(many) * many - n;
  const bool is_nearer_few = ideal - few < 0.5;
  const bool takes_few = empty_few < empty_many || (empty_few == empty_many && is_nearer_few);
  const int columns = std::min(n, takes_few ? few : many);
  return {rows_of(columns), columns};
}

// 6 layers make the 15 × 10 inches of the figure that this one replaces: panels of 4.05 × 3.69
// inches, gaps between them, and the rest for what is written around them. Other numbers keep
// panels of that kind: 15 inches wide from three columns on, the height following the rows.
constexpr double panel_width = 4.05, panel_shape = 3.69 / 4.05;
constexpr double between_columns = gap_x / 72, between_rows = (gap_y + layer_points) / 72;
constexpr double around_width = 15 - (3 * panel_width + 2 * between_columns);
constexpr double around_height = 10 - (2 * panel_width * panel_shape + between_rows);

double panel_inches(int columns) {
  const double across = (15 - around_width - (columns - 1) * between_columns) / columns;
  return std::clamp(across, 1.2, panel_width);
}

Sheet make_sheet(Arrangement shape, int dpi) {
  const double width = panel_inches(shape.columns), height = width * panel_shape;
  return {around_width + shape.columns * width + (shape.columns - 1) * between_columns,
          around_height + shape.rows * height + (shape.rows - 1) * between_rows, dpi};
}

// Ascending, whatever the order they were named in.
std::vector<HeadId> all_chosen(const HeadChoice& choice) {
  std::vector<HeadId> heads = choice.only;
  std::sort(heads.begin(), heads.end());
  return heads;
}

class Averages {
 public:
  Averages(const View& view, const FigureOptions& options);
  Drawing draw();

 private:
  void plan();
  PanelSpace space() const;
  std::vector<std::string> notes(const std::string& shrink) const;
  CellCount cells() const { return {choice_.n_queries(), choice_.n_keys()}; }
  Panels panels() const {
    return {sheet_.drawing, space(), shape_.rows, shape_.columns, cells(), widest_panel};
  }
  void draw_panel(const Panels& panels, int i);
  void draw_left(const Box& panel);
  void draw_bottom(const Box& panel);
  int count() const { return static_cast<int>(choice_.layers.size()); }

  Choice choice_;
  Arrangement shape_;
  Sheet sheet_;
  std::string title_, text_;
  std::vector<at::Tensor> means_;  // undefined where a layer has none of the heads
  std::vector<std::string> left_;  // what leaving out the first key has left of them; or empty
  std::vector<bool> are_empty_;    // layers that have no head at all
  FigureScale scale_;
  ColourBarText bar_;
  Axes axes_;
};

Averages::Averages(const View& view, const FigureOptions& options)
    : choice_(choose(view, options.choice, options.focus)),
      shape_(arrange(count())),
      sheet_(make_sheet(shape_, options.dpi)),
      title_("Attention per Layer"),
      text_(view.text) {
  bool is_mean = false;
  for (const int layer : choice_.layers) {
    const ShownPattern shown = mean_over_heads(choice_, layer);
    means_.push_back(shown.values);
    left_.push_back(shown.left);
    are_empty_.push_back(view.patterns.n_heads(layer) == 0);
    is_mean = is_mean || choice_.patterns.n_heads(layer) > 1;
  }
  if (is_mean || options.choice.is_all()) title_ = "Average " + title_;
  if (!options.choice.heads.empty()) title_ += ", " + name_of_heads(choice_.heads);
  if (!options.choice.only.empty()) title_ += ", " + to_string(all_chosen(options.choice));
  scale_ = scale_of(means_, choice_.causal(), options.scale, ColourMap::yl_or_rd);
  bar_ = bar_text(scale_, is_mean ? "Attention weight, mean over heads" : "Attention weight",
                  sheet_.font(bar_points));
}

void Averages::plan() {
  TokenNames names{.largest = 11, .smallest = 5, .width = 66, .columns_angle = 90, .fewer = 30};
  const double nominal = sheet_.px(72 * 0.9 * panel_inches(shape_.columns));
  const AxisTokens rows{choice_.queries, choice_.first_query};
  const AxisTokens columns{choice_.keys, choice_.first_key};
  axes_ = plan_axes(sheet_, rows, columns, names, nominal, nominal);
  names.largest = std::max(names.smallest, axes_.rows.size / sheet_.pixels_per_point);
  const Box panel = panels().at(0, 0);
  axes_ = plan_axes(sheet_, rows, columns, names, panel.width, panel.height);
}

PanelSpace Averages::space() const {
  const auto px = [this](double points) { return sheet_.px(points); };
  return {.left = px(margin + axis_points + 8) + axes_.rows.depth,
          .top = px(margin + title_points + 10 + layer_points + 5),
          .right = px(margin + margin) + colour_bar_width(sheet_, bar_),
          .bottom = px(margin + note_points + 6 + axis_points + 6) + axes_.columns.depth +
                    notes_height(sheet_, notes(longest_shrink_note(cells()))),
          .gap_x = px(gap_x),
          .gap_y = px(gap_y + layer_points)};
}

Drawing Averages::draw() {
  plan();
  const Panels panels = this->panels();
  draw_title(sheet_, {title_ + ": \"", visible(text_), "\""}, sheet_.px(margin), title_points,
             panels.all());
  for (int i = 0; i < count(); ++i) draw_panel(panels, i);
  draw_bar(sheet_, scale_, bar_, panels.all());
  draw_notes(sheet_, notes(shrink_note(panels.at(0, 0), cells())));
  return std::move(sheet_.drawing);
}

std::vector<std::string> Averages::notes(const std::string& shrink) const {
  std::vector<std::string> notes = choice_.notes;
  const std::string thinning = thinning_note(axes_.columns);
  notes.insert(notes.begin(), thinning.empty() ? "" : "labels" + thinning);
  notes.push_back(scale_note(scale_));
  notes.push_back(shrink);
  return notes;
}

void Averages::draw_panel(const Panels& panels, int i) {
  const Box panel = panels.at(i / shape_.columns, i % shape_.columns);
  std::string name = "Layer " + std::to_string(choice_.layers[i]);
  if (!means_[i].defined()) {
    name += are_empty_[i] ? ": no heads left" : ": none of these heads";
    sheet_.frame(panel);
  } else {
    std::string more =
        scale_.kind == ColourScale::panel ? maximum_note(means_[i], choice_.causal()) : "";
    more += (more.empty() || left_[i].empty() ? "" : ", ") + left_[i];
    if (!more.empty()) name += " (" + more + ")";
    HeatmapItem& item = draw_heatmap(sheet_, panel, means_[i], choice_.causal(), scale_);
    item.leaves_out = !choice_.focus.is_none();
    item.name = "L" + std::to_string(choice_.layers[i]);
    draw_border(sheet_, panel, choice_, scale_.colours);
  }
  sheet_.text(name, panel.x + panel.width / 2, panel.y - sheet_.px(5),
              sheet_.font_within(name, layer_points, 5, panel.width), Anchor::middle);
  if (i % shape_.columns == 0) draw_left(panel);
  if (i + shape_.columns >= count()) draw_bottom(panel);
}

void Averages::draw_left(const Box& panel) {
  draw_axis(sheet_, axes_.rows, panel);
  const double size = sheet_.font(axis_points);
  sheet_.text(shortened({{"Query Position", false}}, size, panel.height),
              sheet_.px(margin) + 0.76 * size, panel.y + panel.height / 2, size, Anchor::middle,
              90);
}

void Averages::draw_bottom(const Box& panel) {
  draw_axis(sheet_, axes_.columns, panel);
  const double size = sheet_.font(axis_points);
  sheet_.text(shortened({{"Key Position", false}}, size, panel.width), panel.x + panel.width / 2,
              panel.y + panel.height + axes_.columns.depth + sheet_.px(5) + 0.76 * size, size,
              Anchor::middle);
}

}  // namespace

Drawing layout_layer_averages(const View& view, const FigureOptions& options) {
  return Averages(view, options).draw();
}

}  // namespace attnviz
