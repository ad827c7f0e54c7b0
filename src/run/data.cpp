#include <cstdlib>
#include <vector>

#include "attnviz/error.h"
#include "attnviz/run.h"

namespace attnviz {
namespace {

namespace fs = std::filesystem;

std::vector<fs::path> data_folders() {
  if (const char* chosen = std::getenv("ATTNVIZ_DATA"); chosen != nullptr && *chosen != '\0') {
    return {chosen};
  }
  std::error_code error;
  const fs::path program = fs::read_symlink("/proc/self/exe", error);
  return {program.parent_path().parent_path() / "share" / "attnviz", ATTNVIZ_INSTALLED_DATA};
}

fs::path find_data(const fs::path& name) {
  std::string looked_at;
  std::error_code error;
  for (const fs::path& folder : data_folders()) {
    if (fs::exists(folder / name, error)) return folder / name;
    looked_at += (looked_at.empty() ? "" : " and ") + (folder / name).string();
  }
  throw FileError("attnviz is not whole: looked for " + looked_at +
                  "; install it again or set ATTNVIZ_DATA to its folder");
}

}  // namespace

std::string version() {
  return ATTNVIZ_VERSION;
}

fs::path built_in_model() {
  return find_data("models/demo.pt");
}

fs::path built_in_vocabulary() {
  return find_data("vocab/gpt2");
}

std::string without_last_newline(std::string text) {
  if (!text.empty() && text.back() == '\n') text.pop_back();
  if (!text.empty() && text.back() == '\r') text.pop_back();
  return text;
}

}  // namespace attnviz
