#include "figure/head_map.h"

#include <algorithm>
#include <cmath>

#include "figure/cell_numbers.h"
#include "figure/lettering.h"

namespace attnviz {
namespace {

constexpr double axis_gap = 4;  // points, from a map to what is written beside it
constexpr double least_axis_points = 7;

// The smallest of 1, 2, 5, 10, 20 … by which labels of that size stand apart.
int every_for(double label, double pitch) {
  return std::max(1, static_cast<int>(std::lround(round_step(std::max(1.0, label / pitch)))));
}

double width_of(const std::string& text, double size) {
  return measure({{text, false}}, size).width;
}

// The same for both axes.
double axis_size(const Sheet& sheet, const HeadMap& map, double points) {
  const double least = std::min(least_axis_points, points);
  const double high = 0.8 * map.cell_height / sheet.pixels_per_point;
  const std::string longest = "H" + std::to_string(map.shape->columns - 1);
  return sheet.font_within(longest, std::clamp(high, least, points), least, 0.8 * map.cell_width);
}

void draw_layers(Sheet& sheet, const HeadMap& map, double size) {
  const int every = every_for(1.1 * size, map.cell_height);
  for (int layer = 0; layer < map.shape->rows(); layer += every) {
    const Box cell = map.at(layer, 0);
    sheet.text("L" + std::to_string(layer), map.x - sheet.px(axis_gap),
               cell.y + cell.height / 2 + 0.365 * size, size, Anchor::end, 0, quiet_colour);
  }
}

void draw_heads(Sheet& sheet, const HeadMap& map, double size) {
  const std::string longest = "H" + std::to_string(map.shape->columns - 1);
  const int every = every_for(1.25 * width_of(longest, size), map.cell_width);
  for (int head = 0; head < map.shape->columns; head += every) {
    const Box cell = map.at(0, head);
    sheet.text("H" + std::to_string(head), cell.x + cell.width / 2,
               map.y + map.height() + sheet.px(axis_gap) + 0.73 * size, size, Anchor::middle, 0,
               quiet_colour);
  }
}

// .57 for 0.57, and 1.0 for 1.00, which is as wide.
std::string shorter_decimal(double value, int decimals) {
  const std::string number = signed_decimal(value, decimals);
  if (decimals == in_powers) return number;
  if (number.starts_with("0.")) return number.substr(1);
  if (number.starts_with("-0.")) return "-" + number.substr(2);
  return signed_decimal(value, decimals - 1);
}

struct Numbers {
  std::vector<std::string> texts;
  double size = 0;  // 0: they do not fit
};

Numbers fitted(const Sheet& sheet, const Box& cell, std::vector<std::string> texts, double points) {
  const double size = number_size(sheet, texts, cell, points);
  return {std::move(texts), size};
}

Numbers fitted_numbers(const Sheet& sheet, const HeadMap& map, const HeadNumbers& numbers,
                       int decimals, double points) {
  std::vector<std::string> texts, shorter;
  for (const auto& number : numbers) {
    texts.push_back(number ? signed_decimal(*number, decimals) : "");
    shorter.push_back(number ? shorter_decimal(*number, decimals) : "");
  }
  auto whole = fitted(sheet, map.at(0, 0), std::move(texts), points);
  return whole.size > 0 ? whole : fitted(sheet, map.at(0, 0), std::move(shorter), points);
}

}  // namespace

double cell_of(double least, double wanted, double most, double n, double least_cell, int dpi) {
  const double all = std::clamp(n * wanted, least, most);
  return std::max(1.0, std::round(std::max(all / n, least_cell) * dpi));
}

double space_between(const Sheet& sheet, double cell) {
  if (cell < 5) return 0;
  return std::max(1.0, std::round(std::min(sheet.px(1), 0.1 * cell)));
}

void fill(Sheet& sheet, const Box& box, Colour colour) {
  sheet.line(box.x, box.y, box.width, box.height, colour);
}

void draw_head_axes(Sheet& sheet, const HeadMap& map, double points) {
  const double size = axis_size(sheet, map, points);
  draw_layers(sheet, map, size);
  draw_heads(sheet, map, size);
}

double left_of_map(const Sheet& sheet, int n_layers, double points) {
  return sheet.px(axis_gap) + width_of("L" + std::to_string(n_layers - 1), sheet.font(points)) +
         sheet.px(1);
}

double below_map(const Sheet& sheet, double points) {
  return sheet.px(axis_gap) + 0.73 * sheet.font(points);
}

void draw_numbers(Sheet& sheet, const HeadMap& map, const HeadNumbers& numbers,
                  const ValueScale& scale, double points) {
  const auto& colours = levels(scale.colours);
  const auto fitting = fitted_numbers(sheet, map, numbers, scale.decimals, points);
  for_each_cell(map, [&](int i, const Box& cell) {
    const bool is_missing = !numbers[i];
    const auto colour =
        is_missing ? missing_colour : colours[level_of(place_of(*numbers[i], scale.range))];
    fill(sheet, cell, colour);
    if (is_missing || fitting.size == 0) return;
    sheet.text(fitting.texts[i], cell.x + cell.width / 2,
               cell.y + cell.height / 2 + 0.365 * fitting.size, fitting.size, Anchor::middle, 0,
               readable_on(colour));
  });
}

}  // namespace attnviz
