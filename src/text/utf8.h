#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace attnviz::text {

/// Number of bytes (1 to 4) of the character that starts at `offset`, or 0 where none does: strict,
/// so no overlong forms, no surrogates, nothing past U+10FFFF, nothing cut off.
[[nodiscard]] std::size_t character_length(std::string_view text, std::size_t offset);

/// Number of bytes before the first one that is not valid UTF-8.
[[nodiscard]] std::size_t valid_prefix(std::string_view text);

/// The code point of one valid character.
[[nodiscard]] char32_t code_point(std::string_view character);

/// Appends a code point up to U+10FFFF.
void append_utf8(std::string& text, char32_t code);

}  // namespace attnviz::text
