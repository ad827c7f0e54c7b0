#pragma once

#include <optional>
#include <string>

namespace attnviz {

/// A font as FreeType opens it: a file may hold several.
struct FontFile {
  std::string path;
  int index = 0;
};

/// What fontconfig gives for a sans-serif font with this character (0: any). Outlines only: a
/// font of bitmaps or colours has no ink of every size.
[[nodiscard]] std::optional<FontFile> find_font(char32_t character);

}  // namespace attnviz
