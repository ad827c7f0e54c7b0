#include "attnviz/file.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <random>
#include <system_error>
#include <vector>

#include "attnviz/error.h"

namespace attnviz {
namespace {

namespace fs = std::filesystem;

FileError system_error(const std::string& what, const fs::path& path, int error) {
  return FileError(what + " " + path.string() + ": " + std::strerror(error));
}

constexpr std::string_view kDigits = "0123456789abcdefghijklmnopqrstuvwxyz";
constexpr std::string_view kTemporary = ".tmp";
constexpr std::size_t kRandomDigits = 8;

/// A name beside `path` that no other process of ours takes: `.NAME.01234567.tmp`.
fs::path temporary_name(const fs::path& path) {
  std::random_device random;
  std::string suffix(kRandomDigits, '0');
  for (char& digit : suffix) digit = kDigits[random() % kDigits.size()];
  return path.parent_path() /
         ("." + path.filename().string() + "." + suffix + std::string(kTemporary));
}

/// What temporary_name makes of a name with one of these endings.
bool is_temporary(std::string_view name, const std::vector<std::string>& endings) {
  if (!name.starts_with('.') || !name.ends_with(kTemporary)) return false;
  name.remove_suffix(kTemporary.size());
  if (name.size() < kRandomDigits + 2) return false;
  const std::string_view digits = name.substr(name.size() - kRandomDigits);
  name.remove_suffix(kRandomDigits);
  return digits.find_first_not_of(kDigits) == std::string_view::npos &&
         std::any_of(endings.begin(), endings.end(),
                     [&](const std::string& ending) { return name.ends_with(ending + "."); });
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

/// Some file systems and devices know no fsync; the data is no less written.
void flush_to_disk(int file, const fs::path& path) {
  if (::fsync(file) != 0 && errno != EINVAL && errno != ENOTSUP) {
    throw system_error("cannot write", path, errno);
  }
}

/// A file that is closed again, whatever happens.
class OpenFile {
 public:
  explicit OpenFile(int number) : number_(number) {}
  ~OpenFile() { ::close(number_); }
  OpenFile(const OpenFile&) = delete;
  OpenFile& operator=(const OpenFile&) = delete;
  operator int() const { return number_; }

 private:
  int number_;
};

using Writer = std::function<void(std::ostream&)>;

/// `name`: of the open file, to be written through; flushed to disk, since a crash soon after the
/// rename could else leave the new name with no content.
void write_open(int file, const std::string& name, const Writer& write, const fs::path& path) {
  errno = 0;
  std::ofstream out(name, std::ios::binary);
  if (out) write(out);
  if (out) out.close();
  if (!out) throw system_error("cannot write", path, errno == 0 ? EIO : errno);
  flush_to_disk(file, path);
}

/// Writes a file that has no name until it is whole, so that not even a killed program leaves a
/// part of it. False where the file system knows no such files.
bool write_unnamed(const fs::path& temporary, const Writer& write, const fs::path& path) {
  const fs::path folder = temporary.has_parent_path() ? temporary.parent_path() : ".";
  const int number = ::open(folder.c_str(), O_TMPFILE | O_WRONLY | O_CLOEXEC, 0666);
  if (number < 0) return false;
  const OpenFile file(number);
  const std::string name = "/proc/self/fd/" + std::to_string(number);
  if (::access(name.c_str(), W_OK) != 0) return false;
  write_open(file, name, write, path);
  return ::linkat(AT_FDCWD, name.c_str(), AT_FDCWD, temporary.c_str(), AT_SYMLINK_FOLLOW) == 0;
}

void write_named(const fs::path& temporary, const Writer& write, const fs::path& path) {
  const int number = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  if (number < 0) throw system_error("cannot write", path, errno);
  write_open(OpenFile(number), temporary.string(), write, path);
}

/// Gives what `write` left under a temporary name beside `path` its place.
void replace(const fs::path& path, const std::function<void(const fs::path&)>& write) {
  make_parent_folder(path);
  check_target(path);
  const fs::path temporary = temporary_name(path);
  try {
    write(temporary);
    if (::rename(temporary.c_str(), path.c_str()) != 0) {
      throw system_error("cannot write", path, errno);
    }
  } catch (...) {
    ::unlink(temporary.c_str());
    throw;
  }
}

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

void write_file_atomically(const fs::path& path, const Writer& write) {
  replace(path, [&](const fs::path& temporary) {
    if (!write_unnamed(temporary, write, path)) write_named(temporary, write, path);
  });
}

void write_file_atomically(const fs::path& path,
                           const std::function<void(const fs::path&)>& write) {
  replace(path, [&](const fs::path& temporary) {
    write(temporary);
    const int number = ::open(temporary.c_str(), O_RDONLY | O_CLOEXEC);
    if (number < 0) throw system_error("cannot write", path, errno);
    flush_to_disk(OpenFile(number), path);
  });
}

void write_file_atomically(const fs::path& path, std::string_view bytes) {
  write_file_atomically(path, [&](std::ostream& out) { out << bytes; });
}

void check_writable(const fs::path& path) {
  make_parent_folder(path);
  check_target(path);
  const fs::path temporary = temporary_name(path);
  write_named(
      temporary, [](std::ostream&) {}, path);
  ::unlink(temporary.c_str());
}

void remove_temporary_files(const fs::path& folder, const std::vector<std::string>& endings) {
  std::error_code ignored;
  std::vector<fs::path> found;
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(
           folder, fs::directory_options::skip_permission_denied, ignored)) {
    if (entry.is_regular_file(ignored) && is_temporary(entry.path().filename().string(), endings)) {
      found.push_back(entry.path());
    }
  }
  for (const fs::path& file : found) fs::remove(file, ignored);
}

}  // namespace attnviz
