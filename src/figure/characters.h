#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace attnviz {

/// A character of a text, or the stray byte that is none.
struct Character {
  char32_t code = 0;
  std::string_view bytes;
  bool is_stray = false;
};

/// Any bytes: what is no UTF-8 comes out as stray bytes, one by one.
[[nodiscard]] std::vector<Character> characters_of(std::string_view text);

[[nodiscard]] std::string utf8(char32_t character);

/// `U+1F600`.
[[nodiscard]] std::string code_point(char32_t character);

/// Nothing is seen where it stands: a control or format character, a line separator.
[[nodiscard]] bool is_invisible(char32_t character);

/// Columns that a terminal gives it: 2 for East Asian wide characters and emoji, 0 for marks on the
/// character before (Unicode Standard Annex 11).
[[nodiscard]] std::size_t columns_of(char32_t character);

/// Of a script that runs from right to left.
[[nodiscard]] bool is_right_to_left(char32_t character);

/// Belongs to no direction: blanks and ASCII's punctuation.
[[nodiscard]] bool is_neutral(char32_t character);

}  // namespace attnviz
