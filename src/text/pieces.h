#pragma once

#include "text/pattern.h"

namespace attnviz::text {

/// GPT-2's pattern for the pieces of a text, between which nothing is merged:
///   's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
/// Letters come first here because most pieces are words (no other branch can begin with one), ++
/// keeps long pieces from asking for memory to go back, and \s is White_Space by name because
/// PCRE2's own \s counts U+180E too. Which characters are letters and numbers is up to the Unicode
/// version of the PCRE2 library: a character younger than it counts as neither.
[[nodiscard]] const Pattern& piece_pattern();

}  // namespace attnviz::text
