#include "attnviz/error.h"
#include "attnviz/file.h"
#include "attnviz/head_figure.h"
#include "attnviz/run.h"
#include "attnviz/survey.h"
#include "run/output.h"

namespace attnviz {
namespace {

namespace fs = std::filesystem;

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

std::vector<fs::path> files_of(const SurveyPictures& pictures, std::size_t n_models) {
  std::vector<fs::path> files;
  const auto add = [&](const char* name) {
    for (const FileFormat format : pictures.formats) {
      files.push_back(pictures.out_dir /
                      (*pictures.prefix + name + "." + std::string(to_string(format))));
    }
  };
  if (pictures.prefix) add("_head_summary");
  if (pictures.prefix && n_models > 1) add("_head_history");
  return files;
}

std::vector<std::pair<std::string, std::string>> origin(const std::vector<Survey>& surveys) {
  std::string models;
  for (const Survey& survey : surveys) models += (models.empty() ? "" : ", ") + survey.model;
  return {{"Software", "attnviz " + version()}, {"attnviz:model", printable(models)}};
}

}  // namespace

std::vector<fs::path> survey_figure_files(const SurveyPictures& pictures, std::size_t n_models) {
  if (pictures.prefix) check_prefix(*pictures.prefix);
  std::vector<fs::path> files = files_of(pictures, n_models);
  for (const auto& file : files) check_writable(file);
  return files;
}

void draw_surveys(const std::vector<Survey>& surveys, const SurveyPictures& pictures) {
  if (!pictures.prefix) return;
  const Survey& last = surveys.back();
  std::vector<Drawing> drawings = {
      layout_head_summary(last.report, {.model = printable(last.model),
                                        .importance = numbers_of(last.importance),
                                        .importance_title = title_of(last.importance.kind),
                                        .dpi = pictures.dpi})};
  if (surveys.size() > 1) {
    std::vector<HeadsOfModel> models;
    for (const Survey& survey : surveys) {
      models.push_back({printable(survey.model), &survey.report, numbers_of(survey.importance)});
    }
    const bool is_slope = last.importance.kind == ImportanceKind::gradient;
    const HistoryOptions options{is_slope ? "Slope of loss, nats" : "Loss change, nats",
                                 pictures.dpi};
    drawings.push_back(layout_head_history(models, options));
  }
  const std::vector<fs::path> files = files_of(pictures, surveys.size());
  for (std::size_t i = 0; i < files.size(); ++i) {
    const std::size_t n_formats = pictures.formats.size();
    write_file_atomically(files[i], encode(drawings[i / n_formats], pictures.formats[i % n_formats],
                                           pictures.dpi, origin(surveys)));
  }
}

}  // namespace attnviz
