#include "attnviz/file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <random>
#include <system_error>

#include "attnviz/error.h"

namespace attnviz {
namespace {

namespace fs = std::filesystem;

FileError system_error(const std::string& what, const fs::path& path, int error) {
  return FileError(what + " " + path.string() + ": " + std::strerror(error));
}

/// A name beside `path` that no other process of ours takes.
fs::path temporary_name(const fs::path& path) {
  static constexpr char kDigits[] = "0123456789abcdefghijklmnopqrstuvwxyz";
  std::random_device random;
  std::string suffix(8, '0');
  for (char& digit : suffix) digit = kDigits[random() % 36];
  return path.parent_path() / ("." + path.filename().string() + "." + suffix + ".tmp");
}

void make_parent_folder(const fs::path& path) {
  if (!path.has_parent_path()) return;
  std::error_code error;
  fs::create_directories(path.parent_path(), error);
  if (error) {
    throw FileError("cannot create the folder " + path.parent_path().string() + ": " +
                    error.message());
  }
}

/// Errors name `path`, what the user asked for, and not the temporary file.
void check_target(const fs::path& path) {
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  if (error && error != std::errc::no_such_file_or_directory) {
    throw FileError("cannot write " + path.string() + ": " + error.message());
  }
  if (fs::is_directory(status)) {
    throw FileError("cannot write " + path.string() + ": it is a folder");
  }
  if (fs::exists(status) && !fs::is_regular_file(status)) {
    throw FileError("cannot write " + path.string() + ": it is a device or a pipe, no file");
  }
}

/// Without this a crash soon after the rename could leave the new name with no content.
void flush_to_disk(const fs::path& temporary, const fs::path& path) {
  const int file = ::open(temporary.c_str(), O_RDONLY);
  if (file < 0) throw system_error("cannot write", path, errno);
  const int failed = ::fsync(file) != 0 ? errno : 0;
  ::close(file);
  // Some file systems and devices know no fsync; the data is no less written.
  if (failed != 0 && failed != EINVAL && failed != ENOTSUP) {
    throw system_error("cannot write", path, failed);
  }
}

void write_all(const fs::path& temporary, std::string_view bytes, const fs::path& path) {
  const int file = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  if (file < 0) throw system_error("cannot write", path, errno);
  while (!bytes.empty()) {
    const ssize_t n = ::write(file, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) {
      const int error = errno;
      ::close(file);
      throw system_error("cannot write", path, error);
    }
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
  if (::close(file) != 0) throw system_error("cannot write", path, errno);
}

}  // namespace

namespace {

/// For a folder and for what cannot be opened the error is the system's own word.
std::ifstream open_file(const fs::path& path) {
  std::error_code error;
  if (fs::is_directory(path, error)) {
    throw FileError("cannot read " + path.string() + ": it is a folder");
  }
  errno = 0;
  std::ifstream in(path, std::ios::binary);
  if (!in) throw system_error("cannot read", path, errno);
  return in;
}

}  // namespace

std::string read_file(const fs::path& path) {
  std::ifstream in = open_file(path);
  // The size is only a hint: a pipe has none, and a file may grow.
  std::error_code error;
  const std::uintmax_t size = fs::file_size(path, error);
  std::string bytes(error ? 0 : size, '\0');
  in.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  bytes.resize(static_cast<std::size_t>(in.gcount()));
  if (in) bytes.append(std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>());
  if (in.bad()) throw system_error("cannot read", path, errno);
  return bytes;
}

std::string read_file_start(const fs::path& path, std::size_t n) {
  std::ifstream in = open_file(path);
  std::string bytes(n, '\0');
  in.read(bytes.data(), static_cast<std::streamsize>(n));
  if (in.bad()) throw system_error("cannot read", path, errno);
  bytes.resize(static_cast<std::size_t>(in.gcount()));
  return bytes;
}

void write_file_atomically(const fs::path& path,
                           const std::function<void(const fs::path&)>& write) {
  make_parent_folder(path);
  check_target(path);
  const fs::path temporary = temporary_name(path);
  try {
    write(temporary);
    flush_to_disk(temporary, path);
    if (::rename(temporary.c_str(), path.c_str()) != 0) {
      throw system_error("cannot write", path, errno);
    }
  } catch (...) {
    ::unlink(temporary.c_str());
    throw;
  }
}

void write_file_atomically(const fs::path& path, std::string_view bytes) {
  write_file_atomically(path,
                        [&](const fs::path& temporary) { write_all(temporary, bytes, path); });
}

void check_writable(const fs::path& path) {
  make_parent_folder(path);
  check_target(path);
  const fs::path temporary = temporary_name(path);
  write_all(temporary, "", path);
  ::unlink(temporary.c_str());
}

}  // namespace attnviz
