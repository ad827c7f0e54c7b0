#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>

#include "attnviz/head_figure.h"
#include "figure/foot.h"
#include "figure/head_map.h"
#include "figure/head_notes.h"
#include "figure/history_panels.h"
#include "figure/lettering.h"
#include "figure/page.h"

namespace attnviz {
namespace {

// Points.
constexpr double title_points = 16, panel_points = 11, label_points = 8.5, bar_points = 9.5;
constexpr double least_points = 6, gap = 5, panel_gap = 14, title_gap = 12, name_room = 90;

// Inches.
constexpr double model_width = 0.3, least_panel = 1.5, most_panel = 2.4, least_model = 0.01;
constexpr double head_height = 0.13, least_height = 2, most_height = 8, least_head = 0.014;

class HeadHistory {
 public:
  HeadHistory(std::span<const HeadsOfModel> models, const HistoryOptions& options);
  Drawing draw();

 private:
  void plan();
  void name_models();
  Box box_of(std::size_t i) const;
  void draw_panel(std::size_t i, double title_size);
  void draw_heads();
  void draw_models(const Box& box);
  void draw_bars();
  double title_room(std::size_t i) const;
  double panel_title_size() const;
  std::vector<std::string> notes() const;
  double width() const { return cell_width_ * static_cast<double>(models_.size()); }
  double height() const { return cell_height_ * shape_.count(); }
  double bar_width(const ValueScale& scale) const {
    return colour_bar_width(sheet_, {scale.ticks, "", sheet_.font(bar_points)});
  }
  bool has_importance() const { return !panels_.back().is_unit; }

  std::span<const HeadsOfModel> models_;
  const HistoryOptions& options_;
  HeadShape shape_;
  std::vector<HistoryPanel> panels_;
  Sheet sheet_;  // measures, until its size is known
  double cell_width_ = 1, cell_height_ = 1, left_ = 0, top_ = 0, right_ = 0;
  std::vector<Label> names_;
  double name_size_ = 0, names_below_ = 0;
  bool are_names_flat_ = false;
};

HeadHistory::HeadHistory(std::span<const HeadsOfModel> models, const HistoryOptions& options)
    : models_(models),
      options_(options),
      shape_(common_shape(models)),
      panels_(history_panels(models, shape_, options.importance_title)),
      sheet_(1, 1, options.dpi) {
  plan();
}

void HeadHistory::plan() {
  const auto n_models = static_cast<double>(models_.size());
  const int dpi = options_.dpi;
  cell_width_ = cell_of(least_panel, model_width, most_panel, n_models, least_model, dpi);
  cell_height_ = cell_of(least_height, head_height, most_height, shape_.count(), least_head, dpi);
  const std::string widest =
      "L" + std::to_string(shape_.rows() - 1) + "H" + std::to_string(shape_.columns - 1);
  left_ = std::round(sheet_.px(margin + gap) +
                     measure({{widest, false}}, sheet_.font(label_points)).width);
  top_ = std::round(sheet_.px(margin + title_points + title_gap + panel_points + gap));
  name_models();
  const double last = box_of(panels_.size() - 1).x + width();
  const auto& scale = panels_.back().scale;
  right_ = last + std::round(sheet_.px(gap) + bar_width(scale));
}

// Level where all names fit their columns, else upright.
void HeadHistory::name_models() {
  name_size_ = sheet_.font(label_points);
  double widest = 0;
  for (const auto& model : models_) {
    names_.push_back(shortened(visible(model.name), name_size_, sheet_.px(name_room)));
    widest = std::max(widest, measure(names_.back(), name_size_).width);
  }
  are_names_flat_ = widest <= 0.9 * cell_width_;
  names_below_ = sheet_.px(gap) + (are_names_flat_ ? name_size_ : widest);
}

// The unit panels, their colour bar, then importance.
Box HeadHistory::box_of(std::size_t i) const {
  double x = left_ + static_cast<double>(i) * (width() + std::round(sheet_.px(panel_gap)));
  if (!panels_[i].is_unit) x += std::round(sheet_.px(gap) + bar_width(panels_[0].scale));
  return {x, top_, width(), height()};
}

Drawing HeadHistory::draw() {
  const auto px = [this](double points) { return sheet_.px(points); };
  const double page = right_ + px(margin);
  const auto lines = foot_lines(sheet_, notes(), right_ - left_);
  const double foot = top_ + height() + names_below_ + px(gap + 5);
  const double high = foot + foot_height(sheet_, lines) + px(margin);
  sheet_ = Sheet(page / options_.dpi, high / options_.dpi, options_.dpi);
  draw_title(sheet_,
             {"",
              {{"What each head does, over " + std::to_string(models_.size()) + " models", false}},
              ""},
             px(margin), title_points, {0, 0, page, high});
  const double title_size = panel_title_size();
  for (std::size_t i = 0; i < panels_.size(); ++i) draw_panel(i, title_size);
  draw_heads();
  draw_bars();
  draw_foot(sheet_, lines, left_, foot);
  return std::move(sheet_.drawing);
}

// A panel's own colour bar leaves its title more room.
double HeadHistory::title_room(std::size_t i) const {
  return width() + (panels_[i].is_unit ? 0 : sheet_.px(gap) + bar_width(panels_[i].scale));
}

double HeadHistory::panel_title_size() const {
  double points = panel_points;
  for (std::size_t i = 0; i < panels_.size(); ++i) {
    const auto title = visible(panels_[i].scale.title);
    while (points > 9 && !fits(title, sheet_.font(points), title_room(i))) points -= 0.5;
  }
  return sheet_.font(points);
}

void HeadHistory::draw_panel(std::size_t i, double title_size) {
  const Box box = box_of(i);
  const auto& scale = panels_[i].scale;
  draw_heatmap(sheet_, box, tensor_of(panels_[i], shape_.count()), false, scale.colours,
               scale.range);
  for (int layer = 1; layer < shape_.rows(); ++layer) {
    const double y = box.y + shape_.first[layer] * cell_height_;
    if (shape_.n_heads(layer) == 0 || shape_.first[layer] == 0) continue;
    sheet_.line(box.x, y - std::floor(sheet_.hairline() / 2), box.width, sheet_.hairline(),
                quiet_colour);
  }
  sheet_.text(shortened(visible(scale.title), title_size, title_room(i)), box.x,
              box.y - sheet_.px(gap), title_size, Anchor::start);
  draw_models(box);
}

// Each head where letters fit its row, else each layer, or every second, fifth … of them.
void HeadHistory::draw_heads() {
  const double x = left_ - sheet_.px(gap), fitting = 0.85 * cell_height_ / sheet_.pixels_per_point;
  const bool is_each = fitting >= least_points;
  const double size = sheet_.font(is_each ? std::min(label_points, fitting) : label_points);
  double free_from = top_;  // nothing is written below that yet
  for (int layer = 0; layer < shape_.rows(); ++layer) {
    const auto& heads = shape_.heads[layer];
    const std::string name = "L" + std::to_string(layer);
    const double y = top_ + shape_.first[layer] * cell_height_;
    for (std::size_t i = 0; is_each && i < heads.size(); ++i) {
      const double row = y + (static_cast<double>(i) + 0.5) * cell_height_;
      sheet_.text(name + "H" + std::to_string(heads[i]), x, row + 0.365 * size, size, Anchor::end,
                  0, quiet_colour);
    }
    const double middle = y + shape_.n_heads(layer) * cell_height_ / 2;
    if (is_each || heads.empty() || middle - 0.5 * size < free_from) continue;
    sheet_.text(name, x, middle + 0.365 * size, size, Anchor::end, 0, quiet_colour);
    free_from = middle + 0.65 * size;
  }
}

void HeadHistory::draw_models(const Box& box) {
  const double pitch = are_names_flat_ ? cell_width_ : cell_width_ / (1.2 * name_size_);
  const int every =
      are_names_flat_ || pitch >= 1 ? 1 : static_cast<int>(std::lround(round_step(1 / pitch)));
  for (std::size_t i = 0; i < names_.size(); i += every) {
    const double x = box.x + (static_cast<double>(i) + 0.5) * cell_width_;
    const double y = box.y + box.height + sheet_.px(gap);
    if (are_names_flat_) {
      sheet_.text(names_[i], x, y + 0.76 * name_size_, name_size_, Anchor::middle, 0, quiet_colour);
    } else {
      sheet_.text(names_[i], x + 0.365 * name_size_, y, name_size_, Anchor::end, 90, quiet_colour);
    }
  }
}

void HeadHistory::draw_bars() {
  const std::size_t last_unit = panels_.size() - (has_importance() ? 2 : 1);
  for (std::size_t i = last_unit; i < panels_.size(); ++i) {
    const Box box = box_of(i);
    const auto& scale = panels_[i].scale;
    draw_colour_bar(sheet_, {scale.ticks, "", sheet_.font(bar_points)},
                    {{box.x + box.width + sheet_.px(gap), box.y, 0, box.height}, scale.colours});
  }
}

std::vector<std::string> HeadHistory::notes() const {
  bool is_any_missing = false;
  for (const auto& panel : panels_) {
    for (const auto& model : panel.models) {
      is_any_missing = is_any_missing ||
                       std::any_of(model.begin(), model.end(), [](const auto& n) { return !n; });
    }
  }
  return {"Rows are heads, columns are models in the order given; lines part layers.",
          std::string(has_importance() ? "All but the last panel share" : "All panels share") +
              " the scale from 0 to 1.",
          panels_[3].is_probed ? "Induction is that on repeated random tokens." : "",
          is_any_missing ? "Grey: not measured." : "", short_caveat()};
}

}  // namespace

Drawing layout_head_history(std::span<const HeadsOfModel> models, const HistoryOptions& options) {
  return HeadHistory(models, options).draw();
}

}  // namespace attnviz
