#pragma once

#include <opencv2/core.hpp>

#include <memory>
#include <string>

#include "figure/font_search.h"

namespace attnviz {

/// One character as ink, in fine pixels (there are 4 × 4 to a pixel) from the pen on the baseline.
struct Glyph {
  cv::Mat1b cover;  ///< 0 to 255: how much of each fine pixel is ink; empty for a space
  int left = 0, top = 0;
};

inline constexpr int fine = 4;  ///< fine pixels along a pixel's side

/// The fonts of one thread: DejaVu Sans, and for characters that it lacks whatever installed font
/// has them. A size is that of the em in fine pixels.
class Fonts {
 public:
  /// Throws FigureError where no font is installed.
  static Fonts& of_this_thread();

  /// The number of a font that has the character; none is -1.
  [[nodiscard]] int font_of(char32_t character);

  [[nodiscard]] double advance(int font, char32_t character, int size);
  /// What is added between two neighbours.
  [[nodiscard]] double kerning(int font, char32_t left, char32_t right, int size);
  /// Valid until the next call.
  [[nodiscard]] const Glyph& glyph(int font, char32_t character, int size);

  /// Where it is, and for programs that look for it by name, what it is called.
  [[nodiscard]] const FontFile& file(int font) const;
  [[nodiscard]] std::string family(int font) const;
  /// The number of the character's glyph in its file.
  [[nodiscard]] unsigned long index(int font, char32_t character) const;

  ~Fonts();

 private:
  Fonts();
  struct State;
  std::unique_ptr<State> state_;
};

/// The path if there is such a file, else the sans-serif font that fontconfig knows, or throws
/// FigureError naming the package to install.
[[nodiscard]] std::string default_font(const std::string& path);

}  // namespace attnviz
