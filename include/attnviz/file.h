#pragma once

#include <cstddef>
#include <filesystem>
#include <functional>
#include <iosfwd>
#include <string>
#include <string_view>
#include <vector>

namespace attnviz {

/// The whole file, byte for byte. Throws FileError (missing, a folder, unreadable).
[[nodiscard]] std::string read_file(const std::filesystem::path& path);

/// The first `n` bytes, or all where the file has fewer. Throws FileError as read_file does.
[[nodiscard]] std::string read_file_start(const std::filesystem::path& path, std::size_t n);

/// The files in a folder and all folders below it that one of the globs fits, by name, as paths
/// below it. A glob with a / in it is for that path, others for the file's name. Throws FileError:
/// a folder that cannot be listed, or in which no glob fits a file.
[[nodiscard]] std::vector<std::filesystem::path> files_below(const std::filesystem::path& folder,
                                                             const std::vector<std::string>& globs);

/// SHA-256, 64 hexadecimal digits, as sha256sum prints it. Throws FileError.
[[nodiscard]] std::string sha256_of(std::string_view bytes);
[[nodiscard]] std::string sha256_of_file(const std::filesystem::path& path);

/// RFC 4648, without line breaks.
[[nodiscard]] std::string base64_of(std::string_view bytes);

/// Writes `bytes` beside `path` under a temporary name, flushes it to disk and renames it, so that
/// `path` holds the old content or all of the new. Makes missing folders.
/// Throws FileError (no permission, disk full, a folder, a device); then no temporary file is left.
/// Nor is one where the program is killed, on file systems that know files without a name (all
/// usual ones of Linux).
void write_file_atomically(const std::filesystem::path& path, std::string_view bytes);

/// Throws FileError where write_file_atomically could not write to `path`, as far as that can be
/// known beforehand. Makes missing folders and changes nothing else.
void check_writable(const std::filesystem::path& path);

/// The same for what is written piece by piece. Where the file system turns out to know no files
/// without a name, `write` is called a second time. Whatever it throws passes through.
void write_file_atomically(const std::filesystem::path& path,
                           const std::function<void(std::ostream&)>& write);

/// The same for writers that need a path of their own: `write` fills the temporary file that it is
/// given. Whatever it throws passes through, after the temporary file is removed.
void write_file_atomically(const std::filesystem::path& path,
                           const std::function<void(const std::filesystem::path&)>& write);

/// Takes away the temporary files that programs which were killed left in a folder and below, of
/// files whose names end in one of `endings`, such as `.png`.
void remove_temporary_files(const std::filesystem::path& folder,
                            const std::vector<std::string>& endings);

}  // namespace attnviz
