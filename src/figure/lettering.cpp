#include "figure/lettering.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <opencv2/imgproc.hpp>
#include <vector>

#include "figure/characters.h"
#include "figure/fonts.h"

namespace attnviz {
namespace {

struct Letter {
  char32_t code = 0;
  int font = 0;
  bool is_mark = false;
  double pen = 0;  // in fine pixels from the first letter's
};
using Line = std::vector<Letter>;

std::string stray_byte(unsigned char byte) {
  char text[8];
  std::snprintf(text, sizeof text, "<0x%02X>", byte);
  return text;
}

// A character that no font has is spelled out, never left away.
void append(Line& line, const LabelPart& part) {
  auto& fonts = Fonts::of_this_thread();
  bool is_spelled = false;
  const auto spell = [&](const std::string& ascii) {
    if (is_spelled) line.push_back({' ', 0, true});  // U+65E5 U+672C
    is_spelled = true;
    for (const char c : ascii) line.push_back({static_cast<char32_t>(c), 0, true});
  };
  for (const auto& character : characters_of(part.text)) {
    if (character.is_stray) {
      spell(stray_byte(static_cast<unsigned char>(character.code)));
    } else if (const int font = is_invisible(character.code) ? -1 : fonts.font_of(character.code);
               font < 0) {
      spell(code_point(character.code));
    } else {
      line.push_back({character.code, font, part.is_mark});
      is_spelled = false;
    }
  }
}

// Of nothing but blanks, so that something is seen: U+00A0.
Line spelled(const Line& blanks) {
  Line line;
  for (const auto& blank : blanks) {
    if (!line.empty()) line.push_back({' ', 0, true});
    for (const char c : code_point(blank.code)) line.push_back({static_cast<char32_t>(c), 0, true});
  }
  return line;
}

// Words that run from right to left are turned round, with the blanks between them; the line as
// a whole runs from left to right. Their accents, which have no width, then come before their
// letter, and there the fonts expect them.
void turn_right_to_left(Line& line) {
  const auto runs_left = [](const Letter& letter) { return is_right_to_left(letter.code); };
  const auto may_stand_between = [&](const Letter& letter) {
    return runs_left(letter) || (is_neutral(letter.code) && !letter.is_mark);
  };
  for (auto first = std::find_if(line.begin(), line.end(), runs_left); first != line.end();) {
    const auto resume = std::find_if_not(first, line.end(), may_stand_between);
    auto last = resume;
    while (!runs_left(*(last - 1))) --last;
    std::reverse(first, last);
    first = std::find_if(resume, line.end(), runs_left);
  }
}

Line set_line(const Label& parts, int size) {
  auto& fonts = Fonts::of_this_thread();
  Line line;
  for (const auto& part : parts) append(line, part);
  const bool is_blank = std::all_of(line.begin(), line.end(), [&](const Letter& letter) {
    return fonts.glyph(letter.font, letter.code, size).cover.empty();
  });
  if (is_blank) line = spelled(line);
  turn_right_to_left(line);
  double pen = 0;
  for (std::size_t i = 0; i < line.size(); ++i) {
    if (i > 0 && line[i - 1].font == line[i].font) {
      pen += fonts.kerning(line[i].font, line[i - 1].code, line[i].code, size);
    }
    line[i].pen = pen;
    pen += fonts.advance(line[i].font, line[i].code, size);
  }
  return line;
}

cv::Rect place_of(const Letter& letter, const Glyph& glyph) {
  return {static_cast<int>(std::lround(letter.pen)) + glyph.left, glyph.top, glyph.cover.cols,
          glyph.cover.rows};
}

cv::Rect ink_of(const Line& line, int size) {
  cv::Rect ink;
  for (const auto& letter : line) {
    ink |= place_of(letter, Fonts::of_this_thread().glyph(letter.font, letter.code, size));
  }
  return ink;
}

// From the anchor, in fine pixels, to the first letter's pen.
int pen_start(const cv::Rect& ink, Anchor anchor) {
  const int before = anchor == Anchor::start ? 0
                     : anchor == Anchor::end ? ink.width
                                             : ink.width / 2;
  return -ink.x - before;
}

int fine_size(double size) {
  return std::max(fine, static_cast<int>(std::lround(size * fine)));
}

// Down to a multiple, towards minus infinity.
int floor_to(int value, int multiple) {
  return static_cast<int>(std::floor(static_cast<double>(value) / multiple)) * multiple;
}

// Both in fine pixels, from the anchor.
Lettering upright(const TextItem& text) {
  const int size = fine_size(text.size);
  const auto line = set_line(text.parts, size);
  cv::Rect ink = ink_of(line, size);
  const int start = pen_start(ink, text.anchor);
  ink.x += start;
  const int left = floor_to(ink.x, fine), top = floor_to(ink.y, fine);
  const int width = -floor_to(-(ink.br().x - left), fine),
            height = -floor_to(-(ink.br().y - top), fine);
  Lettering lettering{cv::Mat1b::zeros(height, width), cv::Mat1b::zeros(height, width), left, top};
  for (const auto& letter : line) {
    const auto& glyph = Fonts::of_this_thread().glyph(letter.font, letter.code, size);
    if (glyph.cover.empty()) continue;
    const cv::Rect place = place_of(letter, glyph) + cv::Point(start - left, -top);
    cv::Mat target = (letter.is_mark ? lettering.marks : lettering.characters)(place);
    cv::max(target, glyph.cover, target);
  }
  return lettering;
}

// Counter-clockwise about the anchor.
void turn_by_45(Lettering& text) {
  const double c = std::sqrt(0.5);
  const double x0 = text.left, x1 = x0 + text.characters.cols;
  const double y0 = text.top, y1 = y0 + text.characters.rows;
  const int left = floor_to(static_cast<int>(c * (x0 + y0)) - fine, fine);
  const int top = floor_to(static_cast<int>(c * (y0 - x1)) - fine, fine);
  const int width = floor_to(static_cast<int>(c * (x1 + y1)) - left, fine) + 2 * fine;
  const int height = floor_to(static_cast<int>(c * (y1 - x0)) - top, fine) + 2 * fine;
  // (u, v) in the unturned text → (x, y) = c (u + v, v - u)
  const cv::Matx23d turn(c, c, c * (x0 + y0) - left, -c, c, c * (y0 - x0) - top);
  for (auto* layer : {&text.characters, &text.marks}) {
    cv::Mat1b turned;
    cv::warpAffine(*layer, turned, turn, {width, height}, cv::INTER_LINEAR);
    *layer = turned;
  }
  text.left = left;
  text.top = top;
}

void turn_by_90(Lettering& text) {
  const int left = text.top, top = -(text.left + text.characters.cols);
  for (auto* layer : {&text.characters, &text.marks}) {
    cv::Mat1b turned;
    cv::rotate(*layer, turned, cv::ROTATE_90_COUNTERCLOCKWISE);
    *layer = turned;
  }
  text.left = left;
  text.top = top;
}

void shrink_to_pixels(Lettering& text) {
  for (auto* layer : {&text.characters, &text.marks}) {
    cv::Mat1b small;
    cv::resize(*layer, small, {layer->cols / fine, layer->rows / fine}, 0, 0, cv::INTER_AREA);
    *layer = small;
  }
  text.left /= fine;
  text.top /= fine;
}

}  // namespace

Box measure(const Label& parts, double size, Anchor anchor) {
  const int whole = fine_size(size);
  const cv::Rect ink = ink_of(set_line(parts, whole), whole);
  const double scale = 1.0 / fine;
  return {(ink.x + pen_start(ink, anchor)) * scale, ink.y * scale, ink.width * scale,
          ink.height * scale};
}

Lettering letter(const TextItem& text) {
  auto lettering = upright(text);
  if (lettering.characters.empty()) return {};
  if (text.angle == 45) turn_by_45(lettering);
  if (text.angle == 90) turn_by_90(lettering);
  shrink_to_pixels(lettering);
  return lettering;
}

std::vector<LetterRun> letter_runs(const TextItem& text) {
  const int size = fine_size(text.size);
  const auto line = set_line(text.parts, size);
  const int start = pen_start(ink_of(line, size), text.anchor);
  std::vector<LetterRun> runs;
  for (const auto& letter : line) {
    if (runs.empty() || runs.back().font != letter.font || runs.back().is_mark != letter.is_mark) {
      runs.push_back({letter.font, letter.is_mark, {}, 0});
    }
    LetterRun& run = runs.back();
    const double x = (start + letter.pen) / fine;
    run.letters.push_back({letter.code, x});
    const double advance = Fonts::of_this_thread().advance(letter.font, letter.code, size);
    run.width = x + advance / fine - run.letters.front().x;
  }
  return runs;
}

Label visible(std::string_view text) {
  Label label;
  const auto append_part = [&label](std::string_view piece, bool is_mark) {
    if (label.empty() || label.back().is_mark != is_mark) label.push_back({{}, is_mark});
    label.back().text += piece;
  };
  const auto characters = characters_of(text);
  for (std::size_t i = 0; i < characters.size(); ++i) {
    const auto& [code, bytes, is_stray] = characters[i];
    const bool is_return =
        code == '\r' && i + 1 < characters.size() && characters[i + 1].code == '\n';
    if (is_return) continue;
    if (code == '\n' || code == '\r') {
      append_part("⏎", true);
    } else if (code == '\t') {
      append_part("⇥", true);
    } else {
      append_part(bytes, false);
    }
  }
  return label;
}

}  // namespace attnviz
