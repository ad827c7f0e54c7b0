#pragma once

#include <optional>
#include <string>

#include "attnviz/batch.h"

namespace attnviz {

/// Where a text comes from, for a person: `austen/emma.txt`, `lines.txt:12`, `-`.
[[nodiscard]] std::string input_of(const BatchText& text);

/// What was read of a text.
struct TextRead {
  std::string text;
  TokenIds ids;        ///< not empty: they are the text
  std::string sha256;  ///< of the file's bytes, or of the text in its line
};
/// Throws FileError (unreadable, or changed since it was listed) and TextError (no JSON object with
/// a text or ids, or more bytes than `most`).
[[nodiscard]] TextRead read_text(const BatchText& text, std::uint64_t most);

/// The `prefix` of {"text": ..., "prefix": ...}; none where it is empty, or the line no such
/// object.
[[nodiscard]] std::optional<std::string> prefix_of_json(const std::string& line);

/// What a text costs beside the others, by its size alone; the shortest cost 1.
[[nodiscard]] double cost_of(const BatchText& text);

}  // namespace attnviz
