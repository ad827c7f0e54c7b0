#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "attnviz/run.h"

namespace attnviz {

/// What a picture was made of, where it is not what comes with attnviz.
struct VerifyOptions {
  std::filesystem::path model;       ///< empty: built_in_model(), where the picture was made of it
  std::filesystem::path vocabulary;  ///< empty: built_in_vocabulary(), where one was used
  std::filesystem::path attention;   ///< of a picture that was made of a file of attention
  std::filesystem::path tokens;      ///< that were named for it
  ModelOptions capture;
};

struct Verified {
  bool is_same = false;  ///< byte for byte
  /// What is another, a line each: what it was made of, what it says, its pixels and in which
  /// panels. Never empty where it is not the same.
  std::vector<std::string> differences;
};

/// Draws a PNG by show or batch again, by what it says of itself, and holds the two against each
/// other. Throws FileError, FigureError (no such picture), UsageError where the model or the file
/// of attention has to be named, and what the stages throw.
[[nodiscard]] Verified verify_picture(const std::filesystem::path& picture,
                                      const VerifyOptions& options = {});

}  // namespace attnviz
