#include "figure/head_legend.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "figure/head_style.h"
#include "figure/lettering.h"

namespace attnviz {
namespace {

// Points.
constexpr double letter_points = 10, line = 15, title_line = 18;
constexpr double sample_width = 15, sample_height = 10.5, gap = 6, column_gap = 20;

double width_of(const std::string& text, double size) {
  return measure({{text, false}}, size).width;
}

int gravity(FlagLevel level) {
  switch (level) {
    case FlagLevel::conclusion:
      return 0;
    case FlagLevel::warning:
      return 1;
    case FlagLevel::note:
      return 2;
    case FlagLevel::info:
      break;
  }
  return 3;
}

double entry_width(const Sheet& sheet, const LegendEntry& entry, double size) {
  return sheet.px(sample_width + gap) + width_of(entry.name, size) + sheet.px(gap) +
         width_of(entry.count, size);
}

}  // namespace

std::vector<LegendEntry> label_entries(const HeadReport& report) {
  std::map<LabelKind, std::pair<int, int>> counts;  // heads, weak ones among them
  int unclassified = 0;
  for (const auto& head : report.heads) {
    if (head.labels.empty()) {
      ++unclassified;
      continue;
    }
    auto& [all, weak] = counts[head.labels.front().kind];
    ++all;
    weak += head.labels.front().weak ? 1 : 0;
  }
  std::vector<LegendEntry> entries;
  for (const auto& [kind, count] : counts) {
    const auto& [all, weak] = count;
    const std::string weak_too = weak > 0 ? " (" + std::to_string(weak) + " weak)" : "";
    entries.push_back({colour_of(kind),
                       true,
                       "",
                       {},
                       std::string(to_string(kind)),
                       std::to_string(all) + weak_too});
  }
  if (unclassified > 0) {
    entries.push_back(
        {unclassified_colour(), true, "", {}, "unclassified", std::to_string(unclassified)});
  }
  return entries;
}

LegendEntry entry_of(const HeadFlag& flag) {
  const auto look = look_of(flag.level);
  return {look.ground,
          look.has_ground,
          std::string(1, letter(flag.kind)),
          look.letter,
          std::string(meaning_of(flag.kind)),
          ""};
}

std::vector<HeadFlag> by_gravity(std::vector<HeadFlag> flags) {
  std::sort(flags.begin(), flags.end(), [](const HeadFlag& a, const HeadFlag& b) {
    return std::tuple(gravity(a.level), b.kind) < std::tuple(gravity(b.level), a.kind);
  });
  return flags;
}

std::vector<LegendEntry> flag_entries(const HeadReport& report) {
  std::vector<HeadFlag> kinds;  // one of each
  std::map<FlagKind, int> counts;
  for (const auto& head : report.heads) {
    for (const auto& flag : head.flags) {
      if (counts[flag.kind]++ == 0) kinds.push_back(flag);
    }
  }
  std::vector<LegendEntry> entries;
  for (const auto& flag : by_gravity(kinds)) {
    entries.push_back(entry_of(flag));
    entries.back().count = std::to_string(counts[flag.kind]);
  }
  return entries;
}

Legend plan_legend(const Sheet& sheet, const std::string& title, std::vector<LegendEntry> entries,
                   double width) {
  Legend legend{title, std::move(entries), sheet.font(letter_points), width, 0, 0};
  for (const auto& entry : legend.entries) {
    legend.column = std::max(legend.column, entry_width(sheet, entry, legend.size));
  }
  legend.column += sheet.px(column_gap);
  const int count = static_cast<int>(legend.entries.size());
  const int fitting = static_cast<int>((width + sheet.px(column_gap)) / legend.column);
  const int columns = std::clamp(fitting, 1, std::max(1, count));
  legend.rows = (count + columns - 1) / columns;
  return legend;
}

double height_of(const Sheet& sheet, const Legend& legend) {
  return legend.entries.empty() ? 0 : sheet.px(title_line + line * legend.rows);
}

void draw_flag(Sheet& sheet, const Box& box, const LegendEntry& flag, double size) {
  if (flag.has_ground) sheet.line(box.x, box.y, box.width, box.height, flag.colour);
  sheet.text(flag.letter, box.x + box.width / 2, box.y + box.height / 2 + 0.365 * size, size,
             Anchor::middle, 0, flag.letter_colour);
}

void draw_legend(Sheet& sheet, const Legend& legend, double x, double y) {
  if (legend.entries.empty()) return;
  const auto px = [&sheet](double points) { return sheet.px(points); };
  sheet.text(shortened({{legend.title, false}}, legend.size, legend.width), x,
             y + 0.76 * legend.size, legend.size, Anchor::start);
  for (std::size_t i = 0; i < legend.entries.size(); ++i) {
    const auto& entry = legend.entries[i];
    const auto column = i / legend.rows, row = i % legend.rows;
    const double left = x + static_cast<double>(column) * legend.column;
    const double top = y + px(title_line + line * static_cast<double>(row));
    const Box sample = whole_pixels({left, top, px(sample_width), px(sample_height)});
    if (entry.has_ground && (entry.letter.empty() || entry.colour == white)) sheet.frame(sample);
    draw_flag(sheet, sample, entry, sheet.font(letter_points - 2));
    const double base = sample.y + sample.height / 2 + 0.365 * legend.size;
    const double name = left + px(sample_width + gap);
    sheet.text(entry.name, name, base, legend.size, Anchor::start);
    sheet.text(entry.count, name + width_of(entry.name, legend.size) + px(gap), base, legend.size,
               Anchor::start, 0, quiet_colour);
  }
}

}  // namespace attnviz
