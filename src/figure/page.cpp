#include "figure/page.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>

#include "figure/lettering.h"

namespace attnviz {
namespace {

// Of `room` pixels, as many as n equal cells fill.
double whole_cells(double room, std::int64_t n) {
  const double cells = static_cast<double>(n);
  return std::floor(room / cells) * cells;
}

// That is nearly all of them, and cells are so small that a pixel's difference between them would
// be seen.
bool is_worth(double room, double whole, std::int64_t n) {
  return room < 8 * static_cast<double>(n) && whole >= 0.85 * room;
}

}  // namespace

Panels::Panels(const Drawing& drawing, const PanelSpace& space, int rows, int columns,
               CellCount cells, double widest)
    : rows_(rows), columns_(columns) {
  const double across = drawing.width - space.left - space.right - (columns - 1) * space.gap_x;
  const double down = drawing.height - space.top - space.bottom - (rows - 1) * space.gap_y;
  const double broad = std::max(1.0, across / columns), high = std::max(1.0, down / rows);
  const double most_width = std::max(1.0, std::floor(std::min(broad, high * widest)));
  const double most_height = std::max(1.0, std::floor(std::min(high, broad * widest)));
  const double whole_width = whole_cells(most_width, cells.columns);
  const double whole_height = whole_cells(most_height, cells.rows);
  const bool is_whole = is_worth(most_width, whole_width, cells.columns) &&
                        is_worth(most_height, whole_height, cells.rows);
  width_ = is_whole ? whole_width : most_width;
  height_ = is_whole ? whole_height : most_height;
  step_x_ = most_width + std::floor(space.gap_x);
  step_y_ = most_height + std::floor(space.gap_y);
  x_ = std::round(space.left + (across - columns * most_width + most_width - width_) / 2);
  y_ = std::round(space.top + (down - rows * most_height + most_height - height_) / 2);
}

Box Panels::at(int row, int column) const {
  return {x_ + column * step_x_, y_ + row * step_y_, width_, height_};
}

Box Panels::all() const {
  return {x_, y_, (columns_ - 1) * step_x_ + width_, (rows_ - 1) * step_y_ + height_};
}

namespace {

/// What ColourScale::automatic stands for.
ColourScale scale_for(const std::vector<at::Tensor>& panels) {
  const bool is_long = std::any_of(panels.begin(), panels.end(), [](const at::Tensor& values) {
    return values.defined() && std::max(values.size(0), values.size(1)) >= 64;
  });
  return is_long ? ColourScale::log : ColourScale::figure;
}

}  // namespace

FigureScale scale_of(const std::vector<at::Tensor>& panels, bool causal, ColourScale kind,
                     ColourMap colours) {
  if (kind == ColourScale::automatic) kind = scale_for(panels);
  FigureScale scale{kind, colours, 0, false};
  double first_row = 0;
  for (const auto& values : panels) {
    if (!values.defined()) continue;
    scale.largest = std::max(scale.largest, largest_weight(values, causal));
    if (says_nothing(values, causal)) {
      first_row = std::max<double>(first_row, *values.data_ptr<float>());
    }
  }
  const double high = value_range(kind, scale.largest).high;
  scale.is_exceeded = first_row > high * (1 + 1e-6);
  return scale;
}

ValueRange range_of(const at::Tensor& values, bool causal, const FigureScale& scale) {
  const bool is_own = scale.kind == ColourScale::panel;
  return value_range(scale.kind, is_own ? largest_weight(values, causal) : scale.largest);
}

ColourBarText bar_text(const FigureScale& scale, const std::string& title, double size) {
  if (scale.kind == ColourScale::panel) return {{{0, "0"}, {1, "max"}}, title, size};
  return {scale_ticks(scale.kind, value_range(scale.kind, scale.largest)), title, size};
}

void draw_bar(Sheet& sheet, const FigureScale& scale, const ColourBarText& text,
              const Box& panels) {
  ColourBarItem bar{{panels.x + panels.width + sheet.px(margin), panels.y, 0, panels.height},
                    scale.colours,
                    scale.kind == ColourScale::log,
                    scale.is_exceeded};
  draw_colour_bar(sheet, text, bar);
}

HeatmapItem& draw_heatmap(Sheet& sheet, const Box& box, const at::Tensor& values, bool causal,
                          const FigureScale& scale) {
  return draw_heatmap(sheet, box, values, causal, scale.colours, range_of(values, causal, scale));
}

HeatmapItem& draw_heatmap(Sheet& sheet, const Box& box, const at::Tensor& values, bool causal,
                          ColourMap colours, const ValueRange& range) {
  sheet.frame(box);
  return sheet.drawing.heatmaps.emplace_back(HeatmapItem{box, values, colours, range, causal});
}

void draw_title(Sheet& sheet, const Title& title, double top, double points, const Box& panels) {
  const double room = sheet.drawing.width - 2 * sheet.px(margin);
  const auto& [before, text, after] = title;
  double smaller = points;
  while (smaller > 0.7 * points && !fits(text, sheet.font(smaller), room, before, after)) {
    smaller -= 0.5;
  }
  // Where even that does not save it from being cut, it is cut at its full size.
  const bool is_whole = fits(text, sheet.font(smaller), room, before, after);
  const double size = sheet.font(is_whole ? smaller : points);
  const auto line = shortened(text, size, room, before, after);
  const double half = measure(line, size).width / 2, least = sheet.px(margin) + half;
  const double middle = panels.x + panels.width / 2, most = sheet.drawing.width - least;
  sheet.text(line, least > most ? sheet.drawing.width / 2.0 : std::clamp(middle, least, most),
             top + 0.76 * sheet.font(points), size, Anchor::middle);
}

namespace {

constexpr double note_line_points = 13;

/// Notes stay whole where they fit a line.
std::vector<std::string> note_lines(const Sheet& sheet, const std::vector<std::string>& notes) {
  const double size = sheet.font(note_points), room = sheet.drawing.width - 2 * sheet.px(margin);
  std::vector<std::string> lines;
  for (const auto& note : notes) {
    if (note.empty()) continue;
    const std::string longer = lines.empty() ? note : lines.back() + "; " + note;
    if (lines.empty() || !fits({{longer, false}}, size, room)) {
      lines.push_back(note);
    } else {
      lines.back() = longer;
    }
  }
  return lines;
}

}  // namespace

void draw_notes(Sheet& sheet, const std::vector<std::string>& notes) {
  const auto lines = note_lines(sheet, notes);
  const double size = sheet.font(note_points), room = sheet.drawing.width - 2 * sheet.px(margin);
  double y = sheet.drawing.height - sheet.px(margin) - 0.2 * size - notes_height(sheet, notes);
  for (const auto& line : lines) {
    sheet.text(shortened({{line, false}}, size, room), sheet.px(margin), y, size, Anchor::start, 0,
               quiet_colour);
    y += sheet.px(note_line_points);
  }
}

double notes_height(const Sheet& sheet, const std::vector<std::string>& notes) {
  const auto n_lines = note_lines(sheet, notes).size();
  return n_lines < 2 ? 0 : static_cast<double>(n_lines - 1) * sheet.px(note_line_points);
}

std::string scale_note(const FigureScale& scale) {
  return scale.is_exceeded ? "the first row, always 1.00, is beyond the scale" : "";
}

std::string shrink_note(const Box& panel, CellCount cells) {
  const auto per_pixel = [](std::int64_t n, double pixels) {
    return std::max<std::int64_t>(1, std::llround(std::ceil(static_cast<double>(n) / pixels)));
  };
  const auto down = per_pixel(cells.rows, panel.height);
  const auto across = per_pixel(cells.columns, panel.width);
  if (down == 1 && across == 1) return "";
  return "1 px = max of up to " + std::to_string(down) + " × " + std::to_string(across) + " cells";
}

std::string longest_shrink_note(CellCount cells) {
  constexpr std::int64_t kSurelyWhole = 100;  // cells of a side that the smallest panels show
  return std::max(cells.rows, cells.columns) < kSurelyWhole ? ""
                                                            : shrink_note({0, 0, 30, 30}, cells);
}

std::string maximum_note(const at::Tensor& values, bool causal) {
  return "max " + decimal(largest_weight(values, causal), 2);
}

}  // namespace attnviz
