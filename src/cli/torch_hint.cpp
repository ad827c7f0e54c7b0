#include "torch_hint.h"

#include <cstdio>
#include <cstdlib>
#include <filesystem>

namespace attnviz::cli {
namespace {

namespace fs = std::filesystem;

/// What a command prints on its first line; empty where it fails.
std::string first_line_of(const char* command) {
  std::FILE* pipe = ::popen(command, "r");
  if (pipe == nullptr) return "";
  std::string line;
  for (int c = std::fgetc(pipe); c != EOF && c != '\n'; c = std::fgetc(pipe)) line += char(c);
  return ::pclose(pipe) == 0 ? line : "";
}

/// The folder of a LibTorch.
fs::path torch_folder() {
  fs::path folder;
  if (const char* named = std::getenv("ATTNVIZ_TORCH"); named != nullptr && *named != '\0') {
    folder = named;
  } else {
    // Found, not imported: that takes seconds.
    folder = first_line_of(
        "python3 -c 'import importlib.util as u, os;"
        "print(os.path.dirname(u.find_spec(\"torch\").origin))' 2>/dev/null");
  }
  std::error_code error;
  return fs::exists(folder / "lib" / "libtorch_cpu.so", error) ? folder : fs::path();
}

/// The checkout that this program was built in; empty for an installed one.
fs::path checkout() {
  std::error_code error;
  const fs::path program = fs::read_symlink("/proc/self/exe", error);
  const fs::path top = program.parent_path().parent_path().parent_path().parent_path();
  return fs::exists(top / "script" / "attnviz", error) ? top : fs::path();
}

}  // namespace

std::string torch_hint() {
  const fs::path folder = torch_folder(), top = checkout();
  if (folder.empty()) {
    return "; a newer one may have it: name it with ATTNVIZ_TORCH (the folder of torch in a "
           "Python's site-packages, or an unpacked LibTorch)";
  }
  if (top.empty()) return "; that in " + folder.string() + " may have it: build attnviz against it";
  return "; that in " + folder.string() + " may have it: ATTNVIZ_TORCH=" + folder.string() + " " +
         (top / "script" / "attnviz").string() + " builds against it, and runs";
}

}  // namespace attnviz::cli
