#include <set>

#include "attnviz/error.h"
#include "attnviz/survey.h"
#include "run/one_text.h"
#include "run/output.h"

namespace attnviz {
namespace {

/// Positions of each text that are compared with those of the others.
constexpr std::int64_t kVariationRows = 16;

std::string name_of(const std::set<std::string>& models, std::size_t n_files) {
  if (models.size() == 1 && !models.begin()->empty()) return *models.begin();
  return n_files == 1 ? "a file of attention" : std::to_string(n_files) + " files of attention";
}

}  // namespace

Survey survey_attention(const std::vector<std::filesystem::path>& files, const DumpOptions& dump,
                        const SurveyOptions& options) {
  const std::optional<Tokenizer> tokenizer = tokenizer_of(options.vocabulary);
  Survey survey;
  HeadStatistics statistics(options.statistics);
  Variation variation(kVariationRows, options.statistics.seed);
  std::vector<std::filesystem::path> usable;
  std::set<std::string> models, remarks;
  const auto tell = [&](std::string_view stage, std::size_t done, std::size_t all) {
    if (options.on_progress) options.on_progress(stage, done, all);
  };
  for (const auto& file : files) {
    try {
      const Attended attended = read_attended(file, dump, tokenizer, {});
      statistics.add_text(attended.patterns, token_ids(attended));
      variation.add_to_mean(attended.patterns);
      models.insert(printable(attended.shown.model));
      for (const std::string& remark : attended.shown.remarks) remarks.insert(remark);
      usable.push_back(file);
    } catch (const Error& error) {
      survey.skipped.emplace_back(file.string(), error.what());
    }
    tell("patterns", usable.size() + survey.skipped.size(), files.size());
  }
  if (usable.empty()) throw TextError(survey.skipped.at(0).second);
  for (std::size_t i = 0; i < usable.size(); ++i) {  // now that the mean is known
    variation.add_deviation(read_attended(usable[i], dump, tokenizer, {}).patterns);
    tell("variation", i + 1, usable.size());
  }
  survey.no_relations = "files of attention hold no model that could be run on sentences";
  survey.remarks.assign(remarks.begin(), remarks.end());
  survey.model = name_of(models, usable.size());
  survey.report = statistics.report(options.thresholds, variation.result());
  return survey;
}

}  // namespace attnviz
