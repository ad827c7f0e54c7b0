#pragma once

#include <opencv2/core.hpp>

#include <string>
#include <string_view>
#include <vector>

#include "attnviz/figure.h"

namespace attnviz {

// Text → ink. What is measured here is what is painted: both add up the same glyphs.

/// A text's ink, in pixels from its (x, y).
struct Lettering {
  cv::Mat1b characters, marks;  ///< cover of each pixel, 0 to 255; both of one size
  int left = 0, top = 0;
};

/// What the text covers before it is turned, seen from its (x, y).
[[nodiscard]] Box measure(const Label& parts, double size, Anchor anchor = Anchor::start);

[[nodiscard]] Lettering letter(const TextItem& text);

/// A character in its place, for painters of outlines.
struct PlacedLetter {
  char32_t code = 0;
  double x =
      0;  ///< of its pen on the baseline, in pixels from the text's (x, y), before it is turned
};

/// Neighbouring letters of one font (a number of Fonts) and one colour.
struct LetterRun {
  int font = 0;
  bool is_mark = false;
  std::vector<PlacedLetter> letters;
  double width = 0;  ///< from the first one's pen to where another would stand
};

/// All letters of a text, in the order in which they are seen.
[[nodiscard]] std::vector<LetterRun> letter_runs(const TextItem& text);

/// The text as one line of label parts: control and invisible characters and stray bytes become
/// marks, as in token labels.
[[nodiscard]] Label visible(std::string_view text);

/// Whether the label fits `width` pixels with what stands before and after it.
[[nodiscard]] bool fits(const Label& label, double size, double width,
                        const std::string& before = {}, const std::string& after = {});

/// The label, or if it is wider than `width` pixels as much of its beginning as fits with an `…`.
/// `before` and `after` are always kept: for quotation marks.
[[nodiscard]] Label shortened(const Label& label, double size, double width,
                              const std::string& before = {}, const std::string& after = {});

/// As shortened(), but as much of its end as of its beginning is kept: the names of files often
/// differ in their last letters alone.
[[nodiscard]] Label shortened_inside(const Label& label, double size, double width);

}  // namespace attnviz
