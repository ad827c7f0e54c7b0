#include "figure/head_cells.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "figure/head_legend.h"
#include "figure/head_style.h"
#include "figure/lettering.h"

namespace attnviz {
namespace {

// Points.
constexpr double value_points = 12, name_points = 9, flag_points = 7.5;
constexpr double least_value = 5.5, least_name = 5.5, least_flag = 4.5;
constexpr double least_side = 5;  // pixels of a cell that has room for a corner mark

// 0 where even the smallest letters are too wide.
double fitting_size(const Sheet& sheet, const std::set<std::string>& texts, double points,
                    double least, double room) {
  if (texts.empty()) return 0;
  for (; points >= least; points -= 0.5) {
    const double size = sheet.font(points);
    if (std::all_of(texts.begin(), texts.end(), [&](const auto& text) {
          return measure({{text, false}}, size).width <= room;
        })) {
      return size;
    }
  }
  return 0;
}

std::string value_of(const HeadFindings& head) {
  return signed_decimal(head.labels.front().score.mean, 2);
}

void write_label(Sheet& sheet, const Box& cell, const HeadFindings& head, const CellPlan& plan) {
  if (head.labels.empty() || plan.value == 0) return;
  const auto ink = readable_on(colour_of(head));
  const double middle = cell.x + cell.width / 2, top = cell.y + plan.strip;
  const double between = plan.name > 0 ? 0.55 * plan.name : 0;
  const double height = 0.73 * plan.value + between + 0.73 * plan.name;
  const double base = top + (cell.y + cell.height - top - height) / 2 + 0.73 * plan.value;
  sheet.text(value_of(head), middle, base, plan.value, Anchor::middle, 0, ink);
  if (plan.name == 0) return;
  sheet.text(short_name(head.labels.front()), middle, base + between + 0.73 * plan.name, plan.name,
             Anchor::middle, 0, ink);
}

// From the right; where not all fit, the gravest and a +.
void write_flags(Sheet& sheet, const Box& cell, const HeadFindings& head, const CellPlan& plan) {
  std::vector<LegendEntry> marks;
  for (const auto& flag : by_gravity(head.flags)) marks.push_back(entry_of(flag));
  const double side = plan.strip, step = side + std::max(1.0, std::round(sheet.px(0.7)));
  const auto fitting = static_cast<std::size_t>((cell.width - 2 * plan.inset) / step);
  if (fitting == 0) return;
  if (marks.size() > fitting) {
    marks.resize(fitting);
    marks.back() = {white, false, "+", {}, "", ""};
  }
  double x = cell.x + cell.width - plan.inset - side - step * static_cast<double>(marks.size() - 1);
  for (auto& mark : marks) {
    if (!mark.has_ground) mark.letter_colour = readable_on(colour_of(head));
    draw_flag(sheet, {x, cell.y + plan.inset, side, side}, mark, plan.flag);
    x += step;
  }
}

// Notes are left out: a white corner would only look like a smaller cell.
void mark_corner(Sheet& sheet, const Box& cell, const HeadFindings& head) {
  const auto mark = entry_of(by_gravity(head.flags).front());
  const double shorter = std::min(cell.width, cell.height), side = std::floor(0.45 * shorter);
  if (!mark.has_ground || mark.colour == white || shorter < least_side) return;
  fill(sheet, {cell.x + cell.width - side, cell.y, side, side}, mark.colour);
}

}  // namespace

CellPlan plan_cells(const Sheet& sheet, const HeadMap& map, const HeadReport& report) {
  std::set<std::string> values, names;
  bool has_flags = false;
  for (const auto& head : report.heads) {
    has_flags = has_flags || !head.flags.empty();
    if (head.labels.empty()) continue;
    values.insert(value_of(head));
    names.insert(short_name(head.labels.front()));
  }
  const Box cell = map.at(0, 0);
  CellPlan plan;
  plan.inset = std::max(1.0, std::round(sheet.px(1.5)));
  const double points = cell.height / sheet.pixels_per_point;
  const double flag = std::min({flag_points, 0.17 * points, cell.width / sheet.px(4)});
  if (has_flags && flag >= least_flag) {
    plan.flag = sheet.font(flag);
    plan.strip = std::round(1.15 * plan.flag);
  }
  const double room = cell.width - 2 * plan.inset;
  plan.value =
      fitting_size(sheet, values, std::min(value_points, 0.28 * points), least_value, room);
  if (plan.value > 0) {
    plan.name = fitting_size(sheet, names, std::min(name_points, 0.2 * points), least_name, room);
  }
  return plan;
}

void draw_labelled_heads(Sheet& sheet, const HeadMap& map, const HeadReport& report,
                         const CellPlan& plan) {
  for_each_cell(map, [&](int i, const Box& cell) {
    const auto& head = report.heads[i];
    fill(sheet, cell, colour_of(head));
    write_label(sheet, cell, head, plan);
    if (head.flags.empty()) return;
    plan.flag > 0 ? write_flags(sheet, cell, head, plan) : mark_corner(sheet, cell, head);
  });
}

}  // namespace attnviz
