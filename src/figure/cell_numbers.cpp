#include "figure/cell_numbers.h"

#include <algorithm>
#include <set>

#include "figure/lettering.h"

namespace attnviz {
namespace {

constexpr double least_points = 5.5;

// All digits are equally wide: of thousands of numbers, only those of different forms are measured.
std::set<std::string> forms_of(const std::vector<std::string>& numbers) {
  std::set<std::string> forms;
  for (auto form : numbers) {
    for (char& c : form) c = c >= '0' && c <= '9' ? '0' : c;
    forms.insert(form);
  }
  return forms;
}

}  // namespace

double number_size(const Sheet& sheet, const std::vector<std::string>& numbers, const Box& cell,
                   double points) {
  const double room = cell.width - 2 * std::max(1.0, sheet.px(1));
  const auto forms = forms_of(numbers);
  const double high = std::min(points, cell.height / 1.5 / sheet.pixels_per_point);
  for (double tried = high; tried >= least_points; tried -= 0.5) {
    const double size = sheet.font(tried);
    const bool is_narrow = std::all_of(forms.begin(), forms.end(), [&](const auto& form) {
      return measure({{form, false}}, size).width <= room;
    });
    if (is_narrow && size <= 0.9 * cell.height) return size;
  }
  return 0;
}

}  // namespace attnviz
