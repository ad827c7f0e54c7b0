#include "run/clash.h"

#include <set>

#include "attnviz/error.h"

namespace attnviz {

namespace fs = std::filesystem;

void check_no_clash(const std::vector<fs::path>& read, const std::vector<fs::path>& written) {
  const auto whole = [](const fs::path& path) { return fs::weakly_canonical(fs::absolute(path)); };
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
