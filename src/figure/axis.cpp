#include "figure/axis.h"

#include <algorithm>
#include <cmath>

#include "figure/lettering.h"
#include "figure/scale.h"

namespace attnviz {
namespace {

constexpr double tick = 2, gap = 2;   // points: the tick's length, and from there to the label
constexpr double line_height = 1.22;  // ems from one line of letters to the next
constexpr double slant = 0.70710678;  // of a side of 45 degrees

// The smallest distance along the axis, in ems, at which two labels do not touch.
double pitch_of(int angle) {
  return angle == 45 ? line_height / slant : line_height;
}

double reach_of(const Axis& axis, double width) {
  if (axis.angle == 45) return slant * width + (0.516 + 0.17) * axis.size;
  return axis.angle == 90 || axis.side == Side::left ? width : axis.size * 0.75;
}

double depth_of(const Sheet& sheet, const Axis& axis) {
  double reach = 0;
  for (const auto& entry : axis.entries) {
    reach = std::max(reach, reach_of(axis, measure(entry.label, axis.size).width));
  }
  return reach + sheet.px(tick + gap);
}

std::string ordinal(std::int64_t n) {
  const auto last = n % 10;
  const bool is_teen = n / 10 % 10 == 1;
  const auto* ending = is_teen || last == 0 || last > 3 ? "th"
                       : last == 1                      ? "st"
                       : last == 2                      ? "nd"
                                                        : "rd";
  return std::to_string(n) + ending;
}

void draw_left(Sheet& sheet, const Axis& axis, const Axis::Entry& entry, double x, double y) {
  sheet.line(x - sheet.px(tick), y - sheet.px(0.25), sheet.px(tick), sheet.px(0.5), frame_colour);
  sheet.text(entry.label, x - sheet.px(tick + gap), y + middle_to_baseline * axis.size, axis.size,
             Anchor::end);
}

void draw_bottom(Sheet& sheet, const Axis& axis, const Axis::Entry& entry, double x, double y) {
  sheet.line(x - sheet.px(0.25), y, sheet.px(0.5), sheet.px(tick), frame_colour);
  const double top = y + sheet.px(tick + gap), size = axis.size;
  if (axis.angle == 90) {
    sheet.text(entry.label, x + middle_to_baseline * size, top, size, Anchor::end, 90);
  } else if (axis.angle == 45) {
    // Its upper right corner is at the top, and the line through its middle meets the tick.
    sheet.text(entry.label, x - 0.05 * size, top + 0.516 * size, size, Anchor::end, 45);
  } else {
    sheet.text(entry.label, x, top + 0.75 * size, size, Anchor::middle);
  }
}

// The largest letters for which every token can be named, or else the smallest.
double letters_for(const Sheet& sheet, const TokenNames& names, double pitch, int angle) {
  double points =
      std::clamp(pitch / pitch_of(angle) / sheet.pixels_per_point, names.smallest, names.largest);
  while (sheet.font(points) * pitch_of(angle) > pitch && points > names.smallest) {
    points = std::max(names.smallest, points - 0.25);
  }
  return sheet.font(points);
}

std::int64_t thinned(double size, double pitch, int angle) {
  const auto every = static_cast<std::int64_t>(std::ceil(size * pitch_of(angle) / pitch - 1e-9));
  return every <= 10 ? std::max<std::int64_t>(1, every) : (every + 4) / 5 * 5;
}

// The middle of a position's share of its cell; n_cells may be fewer than positions.
double place_along(std::int64_t position, std::int64_t n_positions, std::int64_t n_cells) {
  auto cell = position * n_cells / n_positions;
  while ((cell + 1) * n_positions / n_cells <= position) ++cell;
  const auto from = cell * n_positions / n_cells, to = (cell + 1) * n_positions / n_cells;
  const double within =
      (static_cast<double>(position - from) + 0.5) / static_cast<double>(to - from);
  return (static_cast<double>(cell) + within) / static_cast<double>(n_cells);
}

// The axis with every so many of the tokens named.
Axis token_axis(const Sheet& sheet, std::span<const Label> labels, const Axis& axis,
                const TokenNames& names) {
  Axis named = axis;
  const auto n = static_cast<std::int64_t>(labels.size());
  for (std::int64_t i = 0; i < n; i += axis.every) {
    named.entries.push_back(
        {place_along(i, n, n), shortened(labels[i], axis.size, sheet.px(names.width))});
  }
  named.depth = depth_of(sheet, named);
  return named;
}

// Of the positions on one side: so many, each in so many cells, the first of that number.
struct Positions {
  std::int64_t n, n_cells, first;
};

// Round numbers; the last one does not reach beyond the heatmap, where the next one's may begin.
Axis position_axis(const Sheet& sheet, const Positions& positions, Side side, double length,
                   double size) {
  Axis axis{side, {}, 1, false, size, 0, 0};
  const auto [n, n_cells, first] = positions;
  const double pitch = length / static_cast<double>(n);
  const auto width_of = [&](std::int64_t number) {
    return measure({{std::to_string(number), false}}, axis.size).width;
  };
  const double room = side == Side::left ? 2 * size : width_of(first + n - 1) + size;
  const double step = round_step(std::max(room, length / 6.5) / pitch);
  axis.every = std::max<std::int64_t>(1, std::llround(step));
  const std::int64_t start = (first + axis.every - 1) / axis.every * axis.every;
  for (std::int64_t number = start; number < first + n; number += axis.every) {
    const double place = place_along(number - first, n, n_cells);
    const double end = place * length + width_of(number) / 2;
    if (side == Side::bottom && number > start && end > length + sheet.px(1.5)) continue;
    axis.entries.push_back({place, {{std::to_string(number), false}}});
  }
  axis.depth = depth_of(sheet, axis);
  return axis;
}

}  // namespace

Axes plan_axes(const Sheet& sheet, const AxisTokens& rows, const AxisTokens& columns,
               const TokenNames& names, double width, double height) {
  const auto n_rows = static_cast<std::int64_t>(rows.labels.size());
  const auto n_columns = static_cast<std::int64_t>(columns.labels.size());
  const double down = height / static_cast<double>(n_rows);
  const double across = width / static_cast<double>(n_columns);
  const int angle = names.columns_angle;
  const bool names_rows = n_rows < names.fewer, names_columns = n_columns < names.fewer;
  double size = sheet.font(std::min(10.0, names.largest));  // of numbers
  if (names_rows) size = letters_for(sheet, names, down, 0);
  if (names_columns) {
    const double letters = letters_for(sheet, names, across, angle);
    size = names_rows ? std::min(size, letters) : letters;
  }
  auto every_row = thinned(size, down, 0), every_column = thinned(size, across, angle);
  if (n_rows == n_columns) every_row = every_column = std::max(every_row, every_column);
  const auto numbers = [&](const AxisTokens& tokens, Side side, double length) {
    const auto n = static_cast<std::int64_t>(tokens.labels.size());
    return position_axis(sheet, {n, n, tokens.first}, side, length, size);
  };
  return {names_rows
              ? token_axis(sheet, rows.labels, {Side::left, {}, every_row, true, size, 0, 0}, names)
              : numbers(rows, Side::left, height),
          names_columns ? token_axis(sheet, columns.labels,
                                     {Side::bottom, {}, every_column, true, size, angle, 0}, names)
                        : numbers(columns, Side::bottom, width)};
}

Axes plan_position_axes(const Sheet& sheet, std::int64_t n_positions, std::int64_t n_cells,
                        double points, double width, double height) {
  const double size = sheet.font(std::min(10.0, points));
  const Positions positions{n_positions, n_cells, 0};
  return {position_axis(sheet, positions, Side::left, height, size),
          position_axis(sheet, positions, Side::bottom, width, size)};
}

void draw_axis(Sheet& sheet, const Axis& axis, const Box& heatmap) {
  for (const auto& entry : axis.entries) {
    if (axis.side == Side::left) {
      draw_left(sheet, axis, entry, heatmap.x, heatmap.y + entry.place * heatmap.height);
    } else {
      draw_bottom(sheet, axis, entry, heatmap.x + entry.place * heatmap.width,
                  heatmap.y + heatmap.height);
    }
  }
}

std::string thinning_note(const Axis& axis) {
  return !axis.names_tokens || axis.every == 1 ? "" : ", every " + ordinal(axis.every) + " token";
}

}  // namespace attnviz
