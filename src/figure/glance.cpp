#include "attnviz/glance.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <sstream>

#include "figure/characters.h"
#include "figure/choice.h"
#include "figure/colours.h"
#include "figure/heatmap.h"
#include "figure/page.h"
#include "figure/scale.h"

namespace attnviz {
namespace {

constexpr auto reset = "\033[0m";

/// Steps of the cube's channels, and which is nearest.
int cube_step(int channel) {
  constexpr int kSteps[] = {0, 95, 135, 175, 215, 255};
  int best = 0;
  for (int i = 1; i < 6; ++i) {
    if (std::abs(kSteps[i] - channel) < std::abs(kSteps[best] - channel)) best = i;
  }
  return best;
}

/// The parameters of an escape that sets a colour; layer: 38 the character's, 48 what is behind it.
std::string colour_code(Colour colour, int layer, TerminalColours colours) {
  if (colours == TerminalColours::palette) {
    const int number =
        16 + 36 * cube_step(colour[0]) + 6 * cube_step(colour[1]) + cube_step(colour[2]);
    return std::to_string(layer) + ";5;" + std::to_string(number);
  }
  return std::to_string(layer) + ";2;" + std::to_string(colour[0]) + ";" +
         std::to_string(colour[1]) + ";" + std::to_string(colour[2]);
}

using Pixel = std::optional<std::int16_t>;  // a level; none: blank

/// Two pixels, one above the other.
std::string half_blocks(Pixel upper, Pixel lower, TerminalColours colours) {
  if (!upper && !lower) return " ";
  const auto colour_of = [](std::int16_t level) {
    return level == missing_pixel ? missing_colour : levels(ColourMap::viridis)[std::size_t(level)];
  };
  if (!lower) return "\033[" + colour_code(colour_of(*upper), 38, colours) + "m▀" + reset;
  if (!upper) return "\033[" + colour_code(colour_of(*lower), 38, colours) + "m▄" + reset;
  return "\033[" + colour_code(colour_of(*upper), 38, colours) + ";" +
         colour_code(colour_of(*lower), 48, colours) + "m▀" + reset;
}

/// The stronger of two pixels, as a shade.
std::string shade(Pixel upper, Pixel lower) {
  constexpr const char* kShades[] = {"·", "░", "▒", "▓", "█"};
  if (!upper && !lower) return " ";
  const int level = std::max<int>(upper.value_or(missing_pixel), lower.value_or(missing_pixel));
  if (level == missing_pixel) return "?";
  return kShades[std::min(4, level * 5 / n_levels)];
}

/// One pattern as lines of characters.
std::vector<std::string> painted(const HeatmapItem& item, TerminalColours colours) {
  const auto width = int(item.box.width), height = int(item.box.height);
  HeatmapRows rows(item);
  const auto pixels = [&](int y) {
    std::vector<Pixel> row(static_cast<std::size_t>(width));
    if (y >= height) return row;
    rows.seek(y);
    for (std::size_t x = 0; x < row.size(); ++x) {
      if (rows.levels()[x] != blank_pixel) row[x] = rows.levels()[x];
    }
    return row;
  };
  std::vector<std::string> lines;
  for (int y = 0; y < height; y += 2) {
    const auto upper = pixels(y), lower = pixels(y + 1);
    std::string line;
    for (std::size_t x = 0; x < upper.size(); ++x) {
      line += colours == TerminalColours::none ? shade(upper[x], lower[x])
                                               : half_blocks(upper[x], lower[x], colours);
    }
    lines.push_back(line);
  }
  return lines;
}

/// Exactly so many columns: cut short, or with blanks before it. Characters count as one column
/// each, wide ones as two.
std::string aligned(const std::string& text, std::size_t width) {
  std::string kept;
  std::size_t taken = 0;
  const auto characters = characters_of(text);
  for (std::size_t i = 0; i < characters.size(); ++i) {
    const std::size_t columns = columns_of(characters[i].code);
    const bool is_last = i + 1 == characters.size();
    if (taken + columns + (is_last ? 0 : 1) > width) {
      kept += "…";
      ++taken;
      break;
    }
    kept += characters[i].bytes;
    taken += columns;
  }
  return std::string(width - std::min(width, taken), ' ') + kept;
}

/// A sentence as lines of at most so many columns.
std::string broken(const std::string& sentence, std::size_t width) {
  std::string text, line, word;
  for (std::istringstream words(sentence); words >> word;) {
    if (!line.empty() && line.size() + 1 + word.size() > width) {
      text += line + "\n";
      line = "  ";
    } else if (!line.empty()) {
      line += " ";
    }
    line += word;
  }
  return text + line + "\n";
}

/// What the colours span, from low to high.
std::string bar(const FigureScale& scale, const ValueRange& range, TerminalColours colours) {
  constexpr int kWidth = 20;
  const bool is_log = scale.kind == ColourScale::log;
  std::string line = is_log ? "0.001 " : "0 ";
  for (int i = 0; i < kWidth; ++i) {
    const auto level = std::int16_t(level_of((i + 0.5) / kWidth));
    line +=
        colours == TerminalColours::none ? shade(level, level) : half_blocks(level, level, colours);
  }
  if (scale.kind == ColourScale::panel) return line + " each's max";
  return line + " " + decimal(range.high, 2) + (is_log ? " log" : "") +
         (scale.is_exceeded && range.high < 1 ? "; top row: 1" : "");
}

/// In pixels.
struct PanelSize {
  int width, height;
};

class Glance {
 public:
  Glance(const View& view, const GlanceOptions& options)
      : options_(options), choice_(choose(view, options.choice, options.focus)) {
    std::vector<at::Tensor> panels;
    for (const int layer : choice_.layers) {
      for (const int head : choice_.heads) {
        if (has_head(choice_, layer, head)) {
          panels.push_back(pattern_of(choice_, layer, head).values);
        }
      }
    }
    n_panels_ = panels.size();
    scale_ = scale_of(panels, choice_.causal(), options.scale, ColourMap::viridis);
  }

  std::string text() {
    const bool is_one = n_panels_ == 1;
    std::string text = is_one ? one() : all();
    const ValueRange range = last_range_;
    text += "\n" + bar(scale_, range, options_.colours) + "\n";
    for (const std::string& note : choice_.notes) text += broken(note, std::size_t(width()));
    return text;
  }

 private:
  [[nodiscard]] int width() const { return int(std::max<std::size_t>(options_.width, 40)); }

  std::vector<std::string> lines_of(int layer, int head, int width, int height) {
    const at::Tensor values = pattern_of(choice_, layer, head).values;
    last_range_ = range_of(values, choice_.causal(), scale_);
    return painted({{0, 0, double(width), double(height)},
                    values,
                    ColourMap::viridis,
                    last_range_,
                    choice_.causal(),
                    !choice_.focus.is_none()},
                   options_.colours);
  }

  std::string all() {
    constexpr int kLabel = 4;
    const int columns = int(choice_.heads.size());
    const int room = (width() - kLabel) / columns - 1;
    const auto most = int(std::max(choice_.n_queries(), choice_.n_keys()));
    const int size = std::max(2, std::min({room, most * 2, 24}));
    // Two rows of pixels a line, so an even number shows each query as it is.
    const auto shorter = int(choice_.n_queries() * size / std::max<std::int64_t>(1, most));
    const int height = std::min(size, std::max(2, shorter));
    const int step = size + 1, per_line = std::max(1, (width() - kLabel) / step);
    std::string text;
    for (int first = 0; first < columns; first += per_line) {
      const int last = std::min(columns, first + per_line);
      text += std::string(kLabel, ' ') + names_of_heads(first, last, step);
      text.erase(text.find_last_not_of(' ') + 1);
      text += "\n";
      for (const int layer : choice_.layers) text += row_of(layer, first, last, {size, height});
    }
    return text;
  }

  /// Over their columns: every second, third ... where the names would touch.
  [[nodiscard]] std::string names_of_heads(int first, int last, int step) const {
    std::string names(std::size_t((last - first) * step) + 8, ' ');
    std::size_t end = 0;  // of the last name and a space
    for (int i = first; i < last; ++i) {
      const auto at = std::size_t((i - first) * step);
      const std::string name = "H" + std::to_string(choice_.heads[std::size_t(i)]);
      if (at < end || at + name.size() > std::size_t((last - first) * step)) continue;
      names.replace(at, name.size(), name);
      end = at + name.size() + 1;
    }
    return names;
  }

  /// The heads of a layer that stand beside each other.
  std::string row_of(int layer, int first, int last, PanelSize size) {
    std::vector<std::string> lines(std::size_t(size.height + 1) / 2);
    for (std::size_t y = 0; y < lines.size(); ++y) {
      lines[y] = y == 0 ? "L" + std::to_string(layer) : "";
      lines[y].resize(4, ' ');
    }
    for (int i = first; i < last; ++i) {
      const int head = choice_.heads[std::size_t(i)];
      const bool is_there = has_head(choice_, layer, head);
      const auto painted_lines =
          is_there
              ? lines_of(layer, head, size.width, size.height)
              : std::vector<std::string>(lines.size(), std::string(std::size_t(size.width), ' '));
      for (std::size_t y = 0; y < lines.size(); ++y) lines[y] += painted_lines[y] + " ";
    }
    std::string text;
    for (std::string& line : lines) {
      line.erase(line.find_last_not_of(' ') + 1);
      text += line + "\n";
    }
    return text;
  }

  std::string one() {
    int layer = 0, head = 0;
    for (const int l : choice_.layers) {
      for (const int h : choice_.heads) {
        if (has_head(choice_, l, h)) layer = l, head = h;
      }
    }
    const int n_queries = int(choice_.n_queries()), n = int(choice_.n_keys());
    std::size_t widest = 0;
    for (const Label& label : choice_.queries) widest = std::max(widest, columns_of(plain(label)));
    const auto gutter = std::min(widest, std::size_t(width()) / 3);
    const int room = width() - int(gutter) - 1;
    // A token a line where that fits; else two, and from there on several cells a pixel.
    const int across = 2 * n <= room ? 2 : 1;
    const int columns = std::min(across * n, room);
    std::string text = "L" + std::to_string(layer) + "H" + std::to_string(head) +
                       ", rows: queries, columns: keys\n";
    const int height = std::max(2, std::min(across * n_queries, columns * n_queries / n));
    const auto lines = lines_of(layer, head, columns, height);
    for (std::size_t y = 0; y < lines.size(); ++y) {
      // The first token of those that the line shows.
      const auto token = std::min(y * 2 * std::size_t(n_queries) / std::size_t(height),
                                  choice_.queries.size() - 1);
      std::string line = aligned(plain(choice_.queries[token]), gutter) + " " + lines[y];
      line.erase(line.find_last_not_of(' ') + 1);
      text += line + "\n";
    }
    if (across == 2)
      text += std::string(gutter + 1, ' ') + numbers(n, int(choice_.first_key)) + "\n";
    return text;
  }

  /// Of the keys, two columns each: as far as two digits go.
  static std::string numbers(int n, int first) {
    std::string text;
    for (int key = first; key < first + n; ++key) {
      std::string number = key % (n > 20 ? 5 : 1) == 0 ? std::to_string(key % 100) : "";
      number.resize(2, ' ');
      text += number;
    }
    text.erase(text.find_last_not_of(' ') + 1);
    return text;
  }

  static std::size_t columns_of(const std::string& text) {
    std::size_t columns = 0;
    for (const Character& character : characters_of(text))
      columns += attnviz::columns_of(character.code);
    return columns;
  }

  const GlanceOptions& options_;
  Choice choice_;
  std::size_t n_panels_ = 0;
  FigureScale scale_;
  ValueRange last_range_;
};

}  // namespace

std::string glance(const View& view, const GlanceOptions& options) {
  return Glance(view, options).text();
}

}  // namespace attnviz
