#include <algorithm>

#include "attnviz/error.h"
#include "attnviz/survey.h"

namespace attnviz {

std::vector<SurveyText> text_files(const std::filesystem::path& folder) {
  namespace fs = std::filesystem;
  std::vector<SurveyText> texts;
  try {
    for (const fs::directory_entry& entry : fs::recursive_directory_iterator(folder)) {
      if (entry.path().extension() != ".txt" || entry.is_directory()) continue;
      texts.push_back({fs::relative(entry.path(), folder).string(), "", entry.path()});
    }
  } catch (const fs::filesystem_error& error) {
    throw FileError("cannot list " + folder.string() + ": " + error.code().message());
  }
  if (texts.empty()) throw FileError(folder.string() + " holds no .txt file");
  std::sort(texts.begin(), texts.end(),
            [](const SurveyText& a, const SurveyText& b) { return a.name < b.name; });
  return texts;
}

}  // namespace attnviz
