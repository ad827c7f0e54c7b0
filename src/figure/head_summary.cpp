#include <algorithm>
#include <array>
#include <cmath>

#include "attention/wording.h"
#include "attnviz/head_figure.h"
#include "figure/foot.h"
#include "figure/head_cells.h"
#include "figure/head_legend.h"
#include "figure/head_notes.h"
#include "figure/lettering.h"
#include "figure/page.h"

namespace attnviz {
namespace {

// Points.
constexpr double title_points = 16, map_title_points = 11, axis_points = 9.5, small_axis_points = 8;
constexpr double value_points = 8.5, bar_points = 8.5;
constexpr double title_gap = 12, map_title_gap = 6, block_gap = 22, small_gap = 14, legend_gap = 16;
constexpr double bar_gap = 6;

// Inches. Cells are as in the figure of 6 layers of 8 heads; where there are more, the maps keep
// their size and cells shrink, to what is still seen and no further.
constexpr double main_cell = 0.725, main_row = 0.62, main_least_cell = 0.1;
constexpr double main_least_width = 3.2, main_most_width = 5.8;
constexpr double main_least_height = 2.5, main_most_height = 8;
constexpr double small_cell = 0.29, small_least_cell = 0.045;
constexpr double small_least_width = 1.8, small_most_width = 2.35;

/// The two sizes of cells, in whole pixels, and the page around them.
struct SummaryPlan {
  double main_width = 0, main_height = 0, small_width = 0, small_height = 0;  // of a cell
  double left = 0, top = 0, small_left = 0, small_step = 0;
  double small_room = 0;             // width of a small map and its colour bar
  double main_below = 0, right = 0;  // lower edge of the main map, right end of the small maps
};

class HeadSummary {
 public:
  HeadSummary(const HeadReport& report, const HeadSummaryOptions& options);
  Drawing draw();

 private:
  void choose_maps();
  SummaryPlan plan() const;
  void plan_cell_sizes(SummaryPlan& plan) const;
  Title title() const;
  HeadMap main_map() const;
  HeadMap small_map(int row, int column) const;
  double above_map() const { return sheet_.px(map_title_points + map_title_gap); }
  void draw_main();
  void draw_small(int i);
  std::string main_title() const;
  double map_title_size() const;
  void draw_map_title(const HeadMap& map, const Label& title, double room);
  std::vector<std::string> notes() const;

  const HeadReport& report_;
  const HeadSummaryOptions& options_;
  HeadShape shape_;
  Sheet sheet_;  // measures, until its size is known
  std::array<HeadNumbers, 4> numbers_;
  std::array<ValueScale, 4> scales_;
  SummaryPlan plan_;
  CellPlan cells_;
};

HeadSummary::HeadSummary(const HeadReport& report, const HeadSummaryOptions& options)
    : report_(report), options_(options), shape_(shape_of(report)), sheet_(1, 1, options.dpi) {
  choose_maps();
  plan_ = plan();
  cells_ = plan_cells(sheet_, main_map(), report_);
}

void HeadSummary::choose_maps() {
  const auto importance = measured(options_.importance, shape_, "");
  numbers_[0] = numbers_of(report_, Score::normalised_entropy);
  scales_[0] = unit_scale("Normalised entropy");
  numbers_[1] = numbers_of(report_, Score::induction);
  scales_[1] = unit_scale("Induction, on repeated tokens");
  if (!has_any(numbers_[1])) {
    numbers_[1] = numbers_of(report_, Score::induction_on_text);
    scales_[1] = unit_scale("Induction, on the texts");
  }
  numbers_[2] = numbers_of(report_, Score::previous_token);
  scales_[2] = unit_scale("Previous token");
  if (has_any(importance)) {
    numbers_[3] = importance;
    scales_[3] = measured_scale(options_.importance_title, importance);
  } else {
    numbers_[3] = numbers_of(report_, Score::first_token);
    scales_[3] = unit_scale("First token");
  }
}

SummaryPlan HeadSummary::plan() const {
  SummaryPlan plan;
  plan_cell_sizes(plan);
  const auto px = [this](double points) { return std::round(sheet_.px(points)); };
  const double rows = shape_.rows(), columns = shape_.columns;
  double ticks = 0;
  for (const auto& scale : scales_) {
    ticks = std::max(ticks, colour_bar_width(sheet_, {scale.ticks, "", sheet_.font(bar_points)}));
  }
  const double axis = std::round(left_of_map(sheet_, shape_.rows(), small_axis_points));
  plan.small_room = columns * plan.small_width + px(bar_gap) + std::ceil(ticks);
  plan.left = px(margin) + std::round(left_of_map(sheet_, shape_.rows(), axis_points));
  plan.top = px(margin + title_points + title_gap) + std::round(above_map());
  plan.small_left = plan.left + columns * plan.main_width + px(block_gap) + axis;
  plan.small_step = plan.small_room + px(small_gap) + axis;
  plan.main_below = plan.top + rows * plan.main_height;
  plan.right = plan.small_left + plan.small_step + plan.small_room;
  return plan;
}

// In whole pixels, so that cells are equal. Two small maps are as high as the large one, which
// grows a little where their rows are rounded up.
void HeadSummary::plan_cell_sizes(SummaryPlan& plan) const {
  const int dpi = options_.dpi;
  const double rows = shape_.rows(), columns = shape_.columns;
  plan.main_width =
      cell_of(main_least_width, main_cell, main_most_width, columns, main_least_cell, dpi);
  plan.small_width =
      cell_of(small_least_width, small_cell, small_most_width, columns, small_least_cell, dpi);
  const double row = std::min(main_row, 0.95 * plan.main_width / dpi);
  const double height =
      cell_of(main_least_height, row, main_most_height, rows, main_least_cell, dpi);
  const double between =
      std::ceil(sheet_.px(small_gap) + below_map(sheet_, small_axis_points) + above_map());
  plan.small_height = std::max(1.0, std::round((rows * height - between) / 2 / rows));
  plan.main_height = std::max(height, std::ceil(2 * plan.small_height + between / rows));
}

HeadMap HeadSummary::main_map() const {
  return {plan_.left,
          plan_.top,
          plan_.main_width,
          plan_.main_height,
          space_between(sheet_, std::min(plan_.main_width, plan_.main_height)),
          &shape_};
}

// Of the two rows, one begins where the large map does, and one ends there.
HeadMap HeadSummary::small_map(int row, int column) const {
  HeadMap map{plan_.small_left + column * plan_.small_step,
              plan_.top,
              plan_.small_width,
              plan_.small_height,
              space_between(sheet_, std::min(plan_.small_width, plan_.small_height)),
              &shape_};
  if (row == 1) map.y = main_map().y + main_map().height() - map.height();
  return map;
}

Drawing HeadSummary::draw() {
  const auto px = [this](double points) { return sheet_.px(points); };
  const double page = plan_.right + px(margin);
  const auto lines = foot_lines(sheet_, notes(), plan_.right - plan_.left);
  const auto labels = plan_legend(sheet_, "Primary label, number of heads", label_entries(report_),
                                  main_map().width());
  const auto flags = plan_legend(sheet_, "Flags, number of heads", flag_entries(report_),
                                 plan_.right - plan_.small_left);
  const double legend = plan_.main_below + below_map(sheet_, axis_points) + px(legend_gap);
  const double foot =
      legend + std::max(height_of(sheet_, labels), height_of(sheet_, flags)) + px(legend_gap / 2);
  const double height = foot + foot_height(sheet_, lines) + px(margin);
  sheet_ = Sheet(page / options_.dpi, height / options_.dpi, options_.dpi);
  draw_title(sheet_, title(), px(margin), title_points, {0, 0, page, height});
  draw_main();
  for (int i = 0; i < 4; ++i) draw_small(i);
  draw_legend(sheet_, labels, plan_.left, legend);
  draw_legend(sheet_, flags, plan_.small_left, legend);
  draw_foot(sheet_, lines, plan_.left, foot);
  return std::move(sheet_.drawing);
}

Title HeadSummary::title() const {
  const std::string texts = counted(report_.n_texts, "text");
  if (options_.model.empty()) return {"What the heads do, on " + texts, {}, ""};
  return {"What the heads of ", visible(options_.model), " do, on " + texts};
}

std::string HeadSummary::main_title() const {
  std::string title = "Primary label";
  if (cells_.value > 0) title += ", the score that decided it";
  if (cells_.flag > 0) title += ", and flags";
  return title;
}

// The same over all maps.
double HeadSummary::map_title_size() const {
  double points = map_title_points;
  const auto shrink_into = [&](const Label& title, double room) {
    while (points > 8 && !fits(title, sheet_.font(points), room)) points -= 0.5;
  };
  shrink_into({{main_title(), false}}, main_map().width());
  for (const auto& scale : scales_) shrink_into(visible(scale.title), plan_.small_room);
  return sheet_.font(points);
}

void HeadSummary::draw_map_title(const HeadMap& map, const Label& title, double room) {
  const double size = map_title_size();
  sheet_.text(shortened(title, size, room), map.x, map.y - sheet_.px(map_title_gap), size,
              Anchor::start);
}

void HeadSummary::draw_main() {
  const auto map = main_map();
  draw_map_title(map, {{main_title(), false}}, map.width());
  draw_labelled_heads(sheet_, map, report_, cells_);
  draw_head_axes(sheet_, map, axis_points);
}

void HeadSummary::draw_small(int i) {
  const auto map = small_map(i / 2, i % 2);
  draw_map_title(map, visible(scales_[i].title), plan_.small_room);
  draw_numbers(sheet_, map, numbers_[i], scales_[i], value_points);
  draw_head_axes(sheet_, map, small_axis_points);
  draw_colour_bar(
      sheet_, {scales_[i].ticks, "", sheet_.font(bar_points)},
      {{map.x + map.width() + sheet_.px(bar_gap), map.y, 0, map.height()}, scales_[i].colours});
}

std::vector<std::string> HeadSummary::notes() const {
  auto notes = summary_notes(report_, cells_);
  const bool is_any_missing =
      std::any_of(numbers_.begin(), numbers_.end(), [](const HeadNumbers& numbers) {
        return std::find(numbers.begin(), numbers.end(), std::nullopt) != numbers.end();
      });
  if (is_any_missing) notes.insert(notes.end() - 1, "Grey: not measured.");
  return notes;
}

}  // namespace

Drawing layout_head_summary(const HeadReport& report, const HeadSummaryOptions& options) {
  return HeadSummary(report, options).draw();
}

}  // namespace attnviz
