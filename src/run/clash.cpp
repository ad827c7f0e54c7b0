#include "run/clash.h"

#include <set>

#include "attnviz/error.h"

namespace attnviz {

namespace fs = std::filesystem;

void check_no_clash(const std::vector<fs::path>& read, const std::vector<fs::path>& written) {
  // A pipe, such as /dev/fd/63 of `<(command)`, has no such path, and is not written over.
  const auto whole = [](const fs::path& path) {
    std::error_code error;
    const fs::path canonical = fs::weakly_canonical(fs::absolute(path), error);
    return error ? fs::absolute(path).lexically_normal() : canonical;
  };
  std::set<fs::path> taken;
  for (const fs::path& path : read) {
    if (!path.empty()) taken.insert(whole(path));
  }
  for (const fs::path& path : written) {
    if (path.empty() || taken.insert(whole(path)).second) continue;
    throw UsageError(path.string() + " would be written over; give it another name");
  }
}

}  // namespace attnviz
