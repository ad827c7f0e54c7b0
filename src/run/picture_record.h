#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "run/one_text.h"

namespace attnviz {

using Texts = std::vector<std::pair<std::string, std::string>>;  ///< keyword, UTF-8

/// What a picture or a tensor file says of its origin. No path and no time: the same run gives the
/// same bytes everywhere.
[[nodiscard]] Texts origin(const Attended& attended, const Source& source);

/// Of a picture also how it was drawn, so that it can be drawn again: ids, options as JSON, what
/// was done to the numbers, and the SHA-256 of what it was made of.
[[nodiscard]] Texts record_of(FigureKind kind, const Attended& attended, const View& view,
                              const ShowOptions& options, const Source& source);

/// What record_of has written.
struct PictureRecord {
  FigureKind kind = FigureKind::grid;
  /// Those that the picture depends on, and the names, without folders, of the files that it was
  /// made of: `model`, or `attention` where that came from a file.
  ShowOptions options;
  TokenIds ids;  ///< of a text
  std::optional<std::int64_t> n_prompt;
  std::map<std::string, std::string> texts;  ///< all that it says
  std::map<std::string, std::string>
      sha256;  ///< of model or attention, vocabulary, tokens, options
};
/// Throws FigureError, without the file's name, where a picture says nothing of the kind.
[[nodiscard]] PictureRecord read_picture_record(const Texts& texts);

}  // namespace attnviz
