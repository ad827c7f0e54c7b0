#pragma once

#include <cstdint>
#include <filesystem>

namespace attnviz {

/// Which file it is, and as of when: two are equal as long as it was neither replaced nor written
/// to.
struct FileVersion {
  std::uint64_t device = 0, inode = 0;
  std::int64_t size = 0, seconds = 0, nanoseconds = 0;  ///< bytes; of the last writing
  bool operator==(const FileVersion&) const = default;
};

/// Of what lies at a path. Throws FileError where nothing does.
FileVersion version_of(const std::filesystem::path& path);

/// Throws FileError for a pipe or a device, which cannot be read more than once; not where nothing
/// is.
void require_rereadable(const std::filesystem::path& path);

/// Of an open file; path: to name it by. Throws FileError.
FileVersion version_of(int file, const std::filesystem::path& path);

}  // namespace attnviz
