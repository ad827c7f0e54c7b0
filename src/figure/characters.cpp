#include "figure/characters.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <span>

namespace attnviz {
namespace {

struct Range {
  char32_t first, last;
};

bool is_in(std::span<const Range> ranges, char32_t character) {
  return std::any_of(ranges.begin(), ranges.end(), [character](Range range) {
    return range.first <= character && character <= range.last;
  });
}

// Length by lead byte, and the smallest character that may take that length.
std::size_t length_of(unsigned char lead) {
  if (lead < 0x80) return 1;
  if (lead >= 0xC2 && lead < 0xE0) return 2;
  if (lead >= 0xE0 && lead < 0xF0) return 3;
  return lead >= 0xF0 && lead < 0xF5 ? 4 : 0;
}

Character next(std::string_view text) {
  const auto lead = static_cast<unsigned char>(text[0]);
  const Character stray{lead, text.substr(0, 1), true};
  const auto length = length_of(lead);
  if (length == 0 || length > text.size()) return stray;
  char32_t code = length == 1 ? lead : lead & (0x7FU >> length);
  for (std::size_t i = 1; i < length; ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if ((byte & 0xC0U) != 0x80) return stray;
    code = code << 6U | (byte & 0x3FU);
  }
  constexpr std::array<char32_t, 5> smallest{0, 0, 0x80, 0x800, 0x10000};
  const bool is_surrogate = code >= 0xD800 && code <= 0xDFFF;
  if (code < smallest[length] || code > 0x10FFFF || is_surrogate) return stray;
  return {code, text.substr(0, length), false};
}

}  // namespace

std::vector<Character> characters_of(std::string_view text) {
  std::vector<Character> characters;
  while (!text.empty()) {
    characters.push_back(next(text));
    text.remove_prefix(characters.back().bytes.size());
  }
  return characters;
}

std::string utf8(char32_t c) {
  if (c < 0x80) return {static_cast<char>(c)};
  const auto tail = [c](int shift) { return static_cast<char>(0x80 | ((c >> shift) & 0x3F)); };
  if (c < 0x800) return {static_cast<char>(0xC0 | (c >> 6)), tail(0)};
  if (c < 0x10000) return {static_cast<char>(0xE0 | (c >> 12)), tail(6), tail(0)};
  return {static_cast<char>(0xF0 | (c >> 18)), tail(12), tail(6), tail(0)};
}

std::string code_point(char32_t character) {
  char text[16];
  std::snprintf(text, sizeof text, "U+%04X", static_cast<unsigned>(character));
  return text;
}

bool is_invisible(char32_t character) {
  static constexpr std::array<Range, 9> invisible{{{0x00, 0x1F},
                                                   {0x7F, 0x9F},
                                                   {0xAD, 0xAD},
                                                   {0x200B, 0x200F},
                                                   {0x2028, 0x202E},
                                                   {0x2060, 0x206F},
                                                   {0xFEFF, 0xFEFF},
                                                   {0xFFF9, 0xFFFB},
                                                   {0xE0000, 0xE007F}}};
  return is_in(invisible, character);
}

std::size_t columns_of(char32_t character) {
  static constexpr std::array<Range, 8> marks{{{0x0300, 0x036F},
                                               {0x0483, 0x0489},
                                               {0x0591, 0x05BD},
                                               {0x064B, 0x065F},
                                               {0x200B, 0x200F},
                                               {0x20D0, 0x20FF},
                                               {0xFE00, 0xFE0F},
                                               {0xFE20, 0xFE2F}}};
  static constexpr std::array<Range, 12> wide{{{0x1100, 0x115F},
                                               {0x2E80, 0x303E},
                                               {0x3041, 0x4DBF},
                                               {0x4E00, 0xA4CF},
                                               {0xAC00, 0xD7A3},
                                               {0xF900, 0xFAFF},
                                               {0xFE30, 0xFE6F},
                                               {0xFF01, 0xFF60},
                                               {0xFFE0, 0xFFE6},
                                               {0x1F300, 0x1F64F},
                                               {0x1F680, 0x1F9FF},
                                               {0x20000, 0x3FFFD}}};
  if (is_in(marks, character)) return 0;
  return is_in(wide, character) ? 2 : 1;
}

bool is_right_to_left(char32_t character) {
  static constexpr std::array<Range, 5> ranges{{{0x0590, 0x08FF},
                                                {0xFB1D, 0xFDFF},
                                                {0xFE70, 0xFEFE},
                                                {0x10800, 0x10FFF},
                                                {0x1E800, 0x1EFFF}}};
  return is_in(ranges, character);
}

bool is_neutral(char32_t character) {
  const bool is_digit = character >= '0' && character <= '9';
  const bool is_letter = (character | 0x20U) >= 'a' && (character | 0x20U) <= 'z';
  return character < 0x80 && !is_digit && !is_letter;
}

}  // namespace attnviz
