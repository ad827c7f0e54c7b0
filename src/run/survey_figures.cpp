#include "attnviz/error.h"
#include "attnviz/file.h"
#include "attnviz/head_figure.h"
#include "attnviz/run.h"
#include "attnviz/survey.h"
#include "run/output.h"

namespace attnviz {
namespace {

std::vector<std::optional<double>> numbers_of(const Importance& importance) {
  std::vector<std::optional<double>> numbers;
  for (const Statistic& effect : importance.effects) numbers.emplace_back(effect.mean);
  return numbers;
}

std::string title_of(ImportanceKind kind) {
  if (kind == ImportanceKind::gradient) return "Importance: |slope of the loss by its gate|, nats";
  if (kind == ImportanceKind::mean) return "Importance: loss change, mean output instead, nats";
  return "Importance: loss change without the head, nats";
}

std::string encoded(const Drawing& drawing, const std::vector<Survey>& surveys, int dpi) {
  std::string models;
  for (const Survey& survey : surveys) models += (models.empty() ? "" : ", ") + survey.model;
  return encode_png(
      drawing, dpi,
      std::vector<std::pair<std::string, std::string>>{{"Software", "attnviz " + version()},
                                                       {"attnviz:model", printable(models)}});
}

}  // namespace

std::vector<std::filesystem::path> survey_figure_files(const std::filesystem::path& out_dir,
                                                       const std::string& prefix,
                                                       std::size_t n_models) {
  check_prefix(prefix);
  std::vector<std::filesystem::path> files = {out_dir / (prefix + "_head_summary.png")};
  if (n_models > 1) files.push_back(out_dir / (prefix + "_head_history.png"));
  for (const auto& file : files) check_writable(file);
  return files;
}

void draw_surveys(const std::vector<Survey>& surveys,
                  const std::vector<std::filesystem::path>& files, int dpi) {
  const Survey& last = surveys.back();
  std::vector<std::string> pictures = {
      encoded(layout_head_summary(last.report, {.model = printable(last.model),
                                                .importance = numbers_of(last.importance),
                                                .importance_title = title_of(last.importance.kind),
                                                .dpi = dpi}),
              surveys, dpi)};
  if (surveys.size() > 1) {
    std::vector<HeadsOfModel> models;
    for (const Survey& survey : surveys) {
      models.push_back({printable(survey.model), &survey.report, numbers_of(survey.importance)});
    }
    const bool is_slope = last.importance.kind == ImportanceKind::gradient;
    const HistoryOptions options{is_slope ? "Slope of loss, nats" : "Loss change, nats", dpi};
    pictures.push_back(encoded(layout_head_history(models, options), surveys, dpi));
  }
  for (std::size_t i = 0; i < pictures.size(); ++i) write_file_atomically(files[i], pictures[i]);
}

}  // namespace attnviz
