#pragma once

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "file/file_version.h"

namespace attnviz {

/// Where patterns come from.
struct Source {
  std::filesystem::path file;     ///< a model, or a file of attention; its folder is told nowhere
  std::string sha256;             ///< of the file
  std::string vocabulary_sha256;  ///< empty: none was used
  bool is_dump = false;
};

/// A model or a file of attention, and a vocabulary, that are read more than once: to be used, and
/// for their hashes.
class SameFiles {
 public:
  /// Either may be empty. Throws FileError, also for pipes and devices, which are read only once.
  SameFiles(const std::filesystem::path& file, const std::filesystem::path& vocabulary);

  /// Throws FileError where one was replaced or written to since.
  void require() const;

 private:
  std::vector<std::pair<std::filesystem::path, FileVersion>> files_;
};

/// Throws FileError. Reads both; vocabulary: its folder, or empty where none is used.
[[nodiscard]] Source source_of_model(const std::filesystem::path& model,
                                     const std::filesystem::path& vocabulary);
[[nodiscard]] Source source_of_dump(const std::filesystem::path& attention,
                                    const std::filesystem::path& vocabulary);

/// Of both files of a vocabulary's folder. Throws FileError.
[[nodiscard]] std::string vocabulary_sha256(const std::filesystem::path& folder);

}  // namespace attnviz
