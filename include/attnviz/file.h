#pragma once

#include <cstddef>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

namespace attnviz {

/// The whole file, byte for byte. Throws FileError (missing, a folder, unreadable).
[[nodiscard]] std::string read_file(const std::filesystem::path& path);

/// The first `n` bytes, or all where the file has fewer. Throws FileError as read_file does.
[[nodiscard]] std::string read_file_start(const std::filesystem::path& path, std::size_t n);

/// SHA-256 of its bytes, 64 hexadecimal digits, as sha256sum prints it. Throws FileError.
[[nodiscard]] std::string sha256_of_file(const std::filesystem::path& path);

/// Writes `bytes` beside `path` under a temporary name, flushes it to disk and renames it, so that
/// `path` holds the old content or all of the new. Makes missing folders.
/// Throws FileError (no permission, disk full, a folder, a device); then no temporary file is left.
void write_file_atomically(const std::filesystem::path& path, std::string_view bytes);

/// Throws FileError where write_file_atomically could not write to `path`, as far as that can be
/// known beforehand. Makes missing folders and changes nothing else.
void check_writable(const std::filesystem::path& path);

/// The same for writers that need a path of their own: `write` fills the temporary file that it is
/// given. Whatever it throws passes through, after the temporary file is removed.
void write_file_atomically(const std::filesystem::path& path,
                           const std::function<void(const std::filesystem::path&)>& write);

}  // namespace attnviz
