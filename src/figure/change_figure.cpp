#include "attnviz/change_figure.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "figure/axis.h"
#include "figure/cell_numbers.h"
#include "figure/change_panels.h"
#include "figure/foot.h"
#include "figure/future_edge.h"
#include "figure/head_values.h"
#include "figure/lettering.h"
#include "figure/page.h"

namespace attnviz {
namespace {

// Points.
constexpr double title_points = 16, column_points = 12, name_points = 13, note_letters = 10.5;
constexpr double bar_points = 10.5, number_points = 9;
constexpr double gap = 5, panel_gap = 10, row_gap = 15, note_gap = 9;

// Fewer rows than this leave room for the numbers.
constexpr std::int64_t numbers_below = 15;
constexpr double most_ticks = 8.5;

// Six heads make a picture of a page's proportions; where there are many, letters need the room.
double panel_inches(std::size_t n_heads) {
  return std::clamp(13.0 / static_cast<double>(n_heads), 1.5, 3.2);
}

class Changes {
 public:
  Changes(std::span<const ChangedPattern> heads, std::span<const Label> labels,
          const std::string& text, const ChangeFigureOptions& options);
  Drawing draw();

 private:
  void plan();
  Axes axes_for(double side, double largest) const;
  void draw_columns();
  void draw_row(int row);
  void draw_caption(const ChangePanels& head, int row);
  void draw_largest(double change, const Box& panel, double y);
  void draw_difference(const Box& box, const at::Tensor& values);
  void draw_numbers(const Box& box, const at::Tensor& values);
  void draw_bars();
  Box box_of(int row, int column) const;
  std::vector<std::string> notes() const;
  std::string group_note() const;
  std::string shrunken_note() const;
  double px(double points) const { return sheet_.px(points); }
  double caption_height() const { return px(name_points + gap); }
  std::int64_t size() const { return heads_[0].before.size(0); }
  bool is_grouped() const { return options_.n_tokens > size(); }
  int rows() const { return static_cast<int>(heads_.size()); }

  std::span<const Label> labels_;
  std::string text_;
  const ChangeFigureOptions& options_;
  std::vector<ChangePanels> heads_;
  Sheet sheet_;  // measures, until its size is known
  FigureScale weights_;
  ValueScale differences_;
  ColourBarText weights_bar_, differences_bar_;
  Axes axes_;
  std::vector<Panels> panels_;  // one, once the sheet's size is known
  std::vector<std::string> foot_;
  double right_of_weights_ = 0, foot_y_ = 0;
};

Changes::Changes(std::span<const ChangedPattern> heads, std::span<const Label> labels,
                 const std::string& text, const ChangeFigureOptions& options)
    : labels_(labels),
      text_(text),
      options_(options),
      heads_(change_panels(heads, labels, options)),
      sheet_(1, 1, options.dpi) {
  std::vector<at::Tensor> weights;
  double largest = 0;
  for (const auto& head : heads_) {
    weights.insert(weights.end(), {head.before, head.after});
    largest = std::max(largest, std::abs(head.largest));
  }
  weights_ = scale_of(weights, options.causal, ColourScale::figure, ColourMap::viridis);
  differences_ = signed_scale("Difference of weights", largest, most_ticks);
  const double size = sheet_.font(bar_points);
  weights_bar_ = bar_text(weights_, "Attention weight", size);
  differences_bar_ = {differences_.ticks, differences_.title, size};
  plan();
}

// The picture has the size that its panels and all that is around them need.
void Changes::plan() {
  const int dpi = options_.dpi;
  const double side = std::round(panel_inches(heads_.size()) * dpi);
  axes_ = axes_for(side, 10);
  right_of_weights_ = std::ceil(px(margin + gap) + colour_bar_width(sheet_, weights_bar_));
  PanelSpace space{
      .left = std::ceil(px(margin) + axes_.rows.depth),
      .top = std::ceil(px(margin + title_points + 12 + column_points + 7) + caption_height()),
      .right = std::ceil(right_of_weights_ + px(2 * margin) +
                         colour_bar_width(sheet_, differences_bar_)),
      .bottom = 0,
      .gap_x = std::round(px(panel_gap)),
      .gap_y = std::round(px(row_gap) + caption_height())};
  const double width = space.left + 3 * side + 2 * space.gap_x + space.right;
  const double below = axes_.columns.depth + px(2 * gap);
  const double panels_end = space.top + rows() * side + (rows() - 1) * space.gap_y;
  foot_y_ = panels_end + below;
  foot_ = foot_lines(sheet_, notes(), width - 2 * px(margin));
  space.bottom = std::ceil(below + foot_height(sheet_, foot_) + px(margin));
  sheet_ = Sheet(width / dpi, (panels_end + space.bottom) / dpi, dpi);
  panels_.emplace_back(sheet_.drawing, space, rows(), 3, CellCount{size(), size()}, 1.0);
  const double letters = axes_.rows.size / sheet_.pixels_per_point;
  axes_ = axes_for(box_of(0, 0).width, letters);
}

Axes Changes::axes_for(double side, double largest) const {
  if (is_grouped()) {
    return plan_position_axes(sheet_, options_.n_tokens, size(), largest, side, side);
  }
  const TokenNames names{.largest = std::max(5.0, largest), .smallest = 5, .width = 58};
  return plan_axes(sheet_, {labels_}, {labels_}, names, side, side);
}

// The weights' colour bar stands between their panels and those of the differences.
Box Changes::box_of(int row, int column) const {
  Box box = panels_[0].at(row, column);
  if (column == 2) box.x += right_of_weights_;
  return box;
}

Drawing Changes::draw() {
  draw_columns();
  for (int row = 0; row < rows(); ++row) draw_row(row);
  for (int column = 0; column < 3; ++column) {
    draw_axis(sheet_, axes_.columns, box_of(rows() - 1, column));
  }
  draw_bars();
  draw_foot(sheet_, foot_, px(margin), foot_y_);
  return std::move(sheet_.drawing);
}

void Changes::draw_columns() {
  const Box first = box_of(0, 0), last = box_of(0, 2);
  const double right = last.x + last.width;
  draw_title(sheet_, {"Attention changed: \"", visible(text_), "\""}, px(margin), title_points,
             {first.x, first.y, right - first.x, first.height});
  const std::array<Label, 3> titles{visible(options_.before), visible(options_.after),
                                    visible("Difference")};
  double points = column_points;
  const auto is_too_long = [&](const Label& title) {
    return !fits(title, sheet_.font(points), first.width);
  };
  while (points > 9 && std::any_of(titles.begin(), titles.end(), is_too_long)) points -= 0.5;
  const double size = sheet_.font(points);
  for (int column = 0; column < 3; ++column) {
    const Box box = box_of(0, column);
    sheet_.text(shortened_inside(titles[column], size, box.width), box.x + box.width / 2,
                first.y - caption_height() - px(7), size, Anchor::middle);
  }
}

void Changes::draw_row(int row) {
  const auto& head = heads_[row];
  draw_caption(head, row);
  draw_heatmap(sheet_, box_of(row, 0), head.before, options_.causal, weights_);
  draw_heatmap(sheet_, box_of(row, 1), head.after, options_.causal, weights_);
  draw_difference(box_of(row, 2), head.difference);
  draw_axis(sheet_, axes_.rows, box_of(row, 0));
}

// Over the weights the head's name and what is said of it, over the differences the largest.
void Changes::draw_caption(const ChangePanels& head, int row) {
  const Box first = box_of(row, 0), second = box_of(row, 1), last = box_of(row, 2);
  const double name = sheet_.font(name_points), y = first.y - px(gap);
  sheet_.text(head.name, first.x, y, name, Anchor::start);
  draw_largest(head.largest, last, y);
  if (head.note.empty()) return;
  const double left = first.x + measure({{head.name, false}}, name).width + px(note_gap);
  const double size = sheet_.font(note_letters);
  sheet_.text(shortened(visible(head.note), size, second.x + second.width - left), left, y, size,
              Anchor::start, 0, quiet_colour);
}

// In small panels of few pixels, the number alone.
void Changes::draw_largest(double change, const Box& panel, double y) {
  const auto number = signed_decimal(change, decimals_for(std::abs(change)));
  const auto signed_number = (change > 0 ? "+" : "") + number;
  std::string note = change == 0 ? "no change" : "largest change " + signed_number;
  const double size = sheet_.font_within(note, note_letters, 6, panel.width);
  if (!fits(visible(note), size, panel.width)) note = signed_number;
  sheet_.text(note, panel.x, y, size, Anchor::start, 0, quiet_colour);
}

void Changes::draw_difference(const Box& box, const at::Tensor& values) {
  draw_heatmap(sheet_, box, values, options_.causal, differences_.colours, differences_.range);
  if (options_.causal) draw_future_edge(sheet_, box, size());
  if (size() < numbers_below) draw_numbers(box, values);
}

// What did not change has no number: those that there are stand out.
void Changes::draw_numbers(const Box& box, const at::Tensor& values) {
  const double cell = box.width / static_cast<double>(size());
  const auto nothing = signed_decimal(0, differences_.decimals);
  const auto number_of = [&](std::int64_t q, std::int64_t k) {
    const auto number =
        signed_decimal(values.data_ptr<float>()[q * size() + k], differences_.decimals);
    return number == nothing ? "" : number;
  };
  const auto end_of = [&](std::int64_t q) { return options_.causal ? q + 1 : size(); };
  std::vector<std::string> numbers;
  for (std::int64_t q = 0; q < size(); ++q) {
    for (std::int64_t k = 0; k < end_of(q); ++k) numbers.push_back(number_of(q, k));
  }
  const double letters = number_size(sheet_, numbers, {0, 0, cell, cell}, number_points);
  auto number = numbers.begin();
  for (std::int64_t q = 0; letters > 0 && q < size(); ++q) {
    for (std::int64_t k = 0; k < end_of(q); ++k) {
      const double value = values.data_ptr<float>()[q * size() + k];
      const auto colour =
          std::isnan(value)
              ? missing_colour
              : levels(differences_.colours)[level_of(place_of(value, differences_.range))];
      sheet_.text(*number++, box.x + (static_cast<double>(k) + 0.5) * cell,
                  box.y + (static_cast<double>(q) + 0.5) * cell + 0.365 * letters, letters,
                  Anchor::middle, 0, readable_on(colour));
    }
  }
}

void Changes::draw_bars() {
  const Box top = box_of(0, 1), bottom = box_of(rows() - 1, 1);
  const double height = bottom.y + bottom.height - top.y;
  draw_bar(sheet_, weights_, weights_bar_, {top.x, top.y, top.width, height});
  const Box last = box_of(0, 2);
  draw_colour_bar(sheet_, differences_bar_,
                  {{last.x + last.width + px(margin), last.y, 0, height}, differences_.colours});
}

std::vector<std::string> Changes::notes() const {
  const std::string row_0 = is_grouped() ? "Row 0 is" : "Row 0, always 1.00, is";
  return {"Rows are queries, columns are keys" + thinning_note(axes_.columns) + ".",
          group_note(),
          "Difference: after - before.",
          options_.causal ? "What lies after the query is left blank." : "",
          weights_.is_exceeded ? row_0 + " beyond the scale of weights." : "",
          shrunken_note()};
}

std::string Changes::group_note() const {
  if (!is_grouped()) return "";
  const auto least = options_.n_tokens / size(), most = (options_.n_tokens + size() - 1) / size();
  return "Each row and column is the mean of " + std::to_string(least) +
         (most > least ? " or " + std::to_string(most) : "") + " tokens.";
}

std::string Changes::shrunken_note() const {
  const double side = std::round(panel_inches(heads_.size()) * options_.dpi);
  const auto note = shrink_note({0, 0, side, side}, {size(), size()});
  return note.empty() ? "" : note + "; of differences, the largest in size.";
}

}  // namespace

Drawing layout_changes(std::span<const ChangedPattern> heads, std::span<const Label> labels,
                       const std::string& text, const ChangeFigureOptions& options) {
  return Changes(heads, labels, text, options).draw();
}

}  // namespace attnviz
