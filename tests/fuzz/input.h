#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <string_view>

#include "attnviz/error.h"
#include "temporary_folder.h"

namespace attnviz::fuzz {

/// Stops the program: the fuzzer keeps the input, and a test fails.
[[noreturn]] inline void finding(const std::string& what) {
  std::fprintf(stderr, "finding: %s\n", what.c_str());
  std::abort();
}

/// Does something that may fail by our own errors, each a message of one line that says something.
template <typename Work>
void allowed_to_fail(Work work) {
  try {
    work();
  } catch (const Error& error) {
    const std::string_view message = error.what();
    if (message.empty() || message.find('\n') != std::string_view::npos) {
      finding("a message that is not one line: " + std::string(message));
    }
  }
}

/// A file in memory that can be read by its path.
class FileInMemory {
 public:
  explicit FileInMemory(std::string_view bytes = {}) : descriptor_(::memfd_create("input", 0)) {
    write(bytes);
  }
  ~FileInMemory() { ::close(descriptor_); }
  FileInMemory(const FileInMemory&) = delete;
  FileInMemory& operator=(const FileInMemory&) = delete;

  void write(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t n = ::write(descriptor_, bytes.data(), bytes.size());
      if (n < 0) finding("no room for a file in memory");
      bytes.remove_prefix(std::size_t(n));
    }
  }
  [[nodiscard]] std::filesystem::path path() const {
    return "/proc/self/fd/" + std::to_string(descriptor_);
  }

 private:
  int descriptor_;
};

/// A folder of this process, in memory, for files that must have a name of their own.
inline const std::filesystem::path& folder_in_memory() {
  static const TemporaryFolder folder("/dev/shm");
  return folder.path();
}

/// Writes one there, and gives its path.
inline std::filesystem::path write_in_memory(const char* name, std::string_view bytes) {
  const std::filesystem::path path = folder_in_memory() / name;
  std::FILE* file = std::fopen(path.c_str(), "wb");
  if (!file) finding("a file that cannot be written");
  std::fwrite(bytes.data(), 1, bytes.size(), file);
  std::fclose(file);
  return path;
}

}  // namespace attnviz::fuzz
