#include <fnmatch.h>

#include <algorithm>
#include <string>

#include "attnviz/error.h"
#include "attnviz/file.h"

namespace attnviz {
namespace {

namespace fs = std::filesystem;

bool fits(const fs::path& path, const std::string& glob) {
  const bool is_path = glob.find('/') != std::string::npos;
  return ::fnmatch(glob.c_str(), is_path ? path.c_str() : path.filename().c_str(),
                   is_path ? FNM_PATHNAME : 0) == 0;
}

}  // namespace

std::vector<fs::path> files_below(const fs::path& folder, const std::vector<std::string>& globs) {
  std::vector<fs::path> files;
  try {
    for (const fs::directory_entry& entry : fs::recursive_directory_iterator(folder)) {
      if (entry.is_directory()) continue;
      const fs::path path = entry.path().lexically_relative(folder);
      if (std::any_of(globs.begin(), globs.end(),
                      [&](const std::string& glob) { return fits(path, glob); })) {
        files.push_back(path);
      }
    }
  } catch (const fs::filesystem_error& error) {
    throw FileError("cannot list " + folder.string() + ": " + error.code().message());
  }
  if (files.empty()) {
    std::string wanted;
    for (const std::string& glob : globs) wanted += (wanted.empty() ? "" : " or ") + glob;
    throw FileError(folder.string() + " holds no file " + wanted);
  }
  std::sort(files.begin(), files.end());
  return files;
}

}  // namespace attnviz
