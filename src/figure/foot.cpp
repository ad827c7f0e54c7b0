#include "figure/foot.h"

#include <sstream>

#include "figure/lettering.h"
#include "figure/page.h"

namespace attnviz {
namespace {

constexpr double line_points = 13.5;

class Lines {
 public:
  Lines(double size, double room) : size_(size), room_(room) {}

  [[nodiscard]] bool fits_after_last(const std::string& text) const {
    return !lines_.empty() && fits_line(lines_.back() + " " + text);
  }
  [[nodiscard]] bool fits_line(const std::string& text) const {
    return fits({{text, false}}, size_, room_);
  }
  void append(const std::string& text) { lines_.back() += " " + text; }
  void begin(const std::string& text) { lines_.push_back(text); }
  std::vector<std::string> take() { return std::move(lines_); }

 private:
  double size_, room_;
  std::vector<std::string> lines_;
};

}  // namespace

std::vector<std::string> foot_lines(const Sheet& sheet, const std::vector<std::string>& sentences,
                                    double room) {
  Lines lines(sheet.font(note_points), room);
  for (const auto& sentence : sentences) {
    if (sentence.empty()) continue;
    if (lines.fits_after_last(sentence)) {
      lines.append(sentence);
    } else if (lines.fits_line(sentence)) {
      lines.begin(sentence);
    } else {
      std::istringstream words(sentence);
      for (std::string word; words >> word;) {
        lines.fits_after_last(word) ? lines.append(word) : lines.begin(word);
      }
    }
  }
  return lines.take();
}

double foot_height(const Sheet& sheet, const std::vector<std::string>& lines) {
  return sheet.px(line_points) * static_cast<double>(lines.size());
}

void draw_foot(Sheet& sheet, const std::vector<std::string>& lines, double x, double y) {
  const double size = sheet.font(note_points);
  for (const auto& line : lines) {
    y += sheet.px(line_points);
    sheet.text(line, x, y - 0.3 * size, size, Anchor::start, 0, quiet_colour);
  }
}

}  // namespace attnviz
