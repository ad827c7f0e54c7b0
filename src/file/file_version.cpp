#include "file/file_version.h"

#include <sys/stat.h>

#include <cerrno>
#include <cstring>

#include "attnviz/error.h"

namespace attnviz {
namespace {

FileVersion version(int failed, const struct stat& status, const std::filesystem::path& path) {
  if (failed != 0) throw FileError("cannot read " + path.string() + ": " + std::strerror(errno));
  return {status.st_dev, status.st_ino, status.st_size, status.st_mtim.tv_sec,
          status.st_mtim.tv_nsec};
}

}  // namespace

FileVersion version_of(const std::filesystem::path& path) {
  struct stat status {};
  return version(::stat(path.c_str(), &status), status, path);
}

void require_rereadable(const std::filesystem::path& path) {
  std::error_code error;
  if (!std::filesystem::exists(path, error) || std::filesystem::is_regular_file(path, error) ||
      std::filesystem::is_directory(path, error)) {
    return;
  }
  throw FileError("cannot read " + path.string() +
                  ": it is a pipe or a device, and is read more than once; save it to a file");
}

FileVersion version_of(int file, const std::filesystem::path& path) {
  struct stat status {};
  return version(::fstat(file, &status), status, path);
}

}  // namespace attnviz
