#include "attnviz/file.h"
#include "attnviz/survey.h"

namespace attnviz {

std::vector<SurveyText> text_files(const std::filesystem::path& folder) {
  std::vector<SurveyText> texts;
  for (const std::filesystem::path& file : files_below(folder, {"*.txt"})) {
    texts.push_back({file.string(), "", folder / file});
  }
  return texts;
}

}  // namespace attnviz
