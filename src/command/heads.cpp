#include <spdlog/spdlog.h>

#include <iostream>

#include "attention/find_score.h"
#include "attnviz/error.h"
#include "attnviz/file.h"
#include "attnviz/run.h"
#include "attnviz/survey.h"
#include "command.h"
#include "file/one_line.h"
#include "head_report.h"
#include "head_table.h"
#include "terminal.h"

namespace attnviz::command {
namespace {

std::vector<SurveyText> texts_of(const HeadsArguments& arguments) {
  std::vector<SurveyText> texts;
  for (const std::string& text : arguments.texts) {
    const std::string name = "text " + std::to_string(texts.size() + 1);
    texts.push_back({name, text == "-" ? without_last_newline(read_standard_input()) : text});
  }
  for (const auto& file : arguments.files) {
    std::error_code error;
    // A pipe can be read only once, and each text is looked at several times.
    if (std::filesystem::is_fifo(file, error)) {
      texts.push_back({file.string(), without_last_newline(read_file(file))});
    } else {
      texts.push_back({file.string(), "", file});
    }
  }
  for (const std::string& list : arguments.ids) {
    for (TokenIds& ids : read_ids(list)) {
      texts.push_back({"ids " + std::to_string(texts.size() + 1), "", {}, std::move(ids)});
    }
  }
  for (const auto& folder : arguments.folders) {
    const std::vector<SurveyText> found = text_files(folder);
    texts.insert(texts.end(), found.begin(), found.end());
  }
  return texts;
}

Score score_named(const std::string& name) {
  if (const auto score = find_score(name)) return *score;
  throw UsageError("there is no score " + name + "; see attnviz heads --list scores");
}

/// The table's columns; scores that cost something are computed only where they are asked for.
std::vector<Score> choose_scores(const HeadsArguments& arguments, ScoreOptions& wanted) {
  wanted.naive_entropy = arguments.entropy == "naive";
  std::vector<Score> columns = usual_scores();
  if (arguments.options.n_probes == 0 || !arguments.attention.empty()) {  // the texts' own repeats
    std::replace(columns.begin(), columns.end(), Score::duplicate_token, Score::duplicate_on_text);
    std::replace(columns.begin(), columns.end(), Score::induction, Score::induction_on_text);
  }
  if (wanted.naive_entropy) columns.back() = Score::naive_entropy;
  if (!arguments.scores.empty()) columns.clear();
  for (const std::string& name : arguments.scores) columns.push_back(score_named(name));
  for (const Score score : columns) {
    wanted.naive_entropy |= score == Score::naive_entropy;
    wanted.detect_head |= score >= Score::tl_previous_mul && score <= Score::tl_induction_abs;
  }
  return columns;
}

void check_names(const TableOptions& table) {
  if (table.sort != "head" && table.sort != "importance") (void)score_named(table.sort);
  std::string names = "all, flagged";
  bool is_known = table.only == "all" || table.only == "flagged";
  for (int kind = 0; kind <= int(LabelKind::content_dependent); ++kind) {
    names += ", " + std::string(to_string(LabelKind(kind)));
    is_known |= table.only == to_string(LabelKind(kind));
  }
  for (int kind = 0; kind <= int(FlagKind::dead); ++kind) {
    if (FlagKind(kind) != FlagKind::uniform) names += ", " + std::string(to_string(FlagKind(kind)));
    is_known |= table.only == to_string(FlagKind(kind));
  }
  if (!is_known) throw UsageError("--only takes one of " + names + "; not " + table.only);
}

int list(const std::string& what) {
  for (const ScoreInfo& info : score_table()) {
    if (what != "scores") break;
    std::cout << info.name << " (" << info.unit << ")\n    "
              << wrapped(info.meaning, output_width() - 4, 4) << '\n';
  }
  const Thresholds defaults;
  for (const ThresholdInfo& info : threshold_table()) {
    if (what != "thresholds") break;
    std::cout << info.name << '=' << defaults.*info.value << "\n    "
              << wrapped(std::string(info.meaning) + " (" + std::string(info.source) + ")",
                         output_width() - 4, 4)
              << '\n';
  }
  return kDone;
}

void tell(const Survey& survey) {
  for (const std::string& remark : survey.remarks) spdlog::info("{}", one_line(remark));
  for (const auto& [name, why] : survey.skipped) spdlog::error("{}: {}", printed(name), why);
  if (survey.n_cut > 0) {
    spdlog::warn("{} of the texts were cut at {} tokens (--max-tokens, or the model's positions)",
                 survey.n_cut, survey.report.longest);
  }
  if (!survey.no_probes.empty()) spdlog::warn("no probes: {}", survey.no_probes);
  if (!survey.importance.missing.empty()) {
    spdlog::warn("no importance: {}", survey.importance.missing);
  }
}

std::vector<Survey> survey_all(const HeadsArguments& arguments, SurveyOptions options) {
  std::vector<Survey> surveys;
  std::vector<std::filesystem::path> models = arguments.models;
  if (models.empty()) models.emplace_back();
  for (const auto& model : models) {
    options.model = model;
    StatusLine line(StatusLine::First::later);
    options.on_progress = [&](std::string_view stage, std::size_t done, std::size_t all) {
      if (line.is_due()) line.show(fmt::format("{}: {} of {} texts", stage, done, all));
    };
    surveys.push_back(arguments.attention.empty()
                          ? survey_heads(options)
                          : survey_attention(arguments.attention, arguments.dump, options));
    choose_heads(surveys.back(), arguments.choice);
    line.clear();
    tell(surveys.back());
  }
  return surveys;
}

}  // namespace

int heads(const HeadsArguments& arguments) {
  if (!arguments.list.empty()) return list(arguments.list);
  const HeadChoice& choice = arguments.choice;
  if (!choice.only.empty() && !(choice.layers.empty() && choice.heads.empty())) {
    throw UsageError("--only names heads; it goes with neither --layers nor --heads");
  }
  SurveyOptions options = arguments.options;
  TableOptions table;
  table.scores = choose_scores(arguments, options.statistics.scores);
  table.sort = arguments.sort;
  table.only = arguments.only;
  table.width = output_width();
  table.colours = has_colours();
  table.of_some = !arguments.choice.is_all();
  check_names(table);
  options.texts = texts_of(arguments);
  const std::string older = arguments.compare.empty() ? "" : read_file(arguments.compare);
  const std::vector<std::filesystem::path> figures =
      survey_figure_files(arguments.pictures, std::max<std::size_t>(1, arguments.models.size()));
  const std::vector<Survey> surveys = survey_all(arguments, options);
  draw_surveys(surveys, arguments.pictures);
  if (arguments.json) {
    std::cout << (surveys.size() == 1 ? to_json(surveys[0]) : to_json(surveys)) << '\n';
  } else if (arguments.csv) {
    std::cout << to_csv(surveys);
  } else {
    print_report(surveys.back(), table, arguments.explain);
    for (std::size_t i = 0; i + 1 < surveys.size(); ++i) {
      print_changes(surveys.back(), to_json(surveys[i]), surveys[i].model);
    }
    if (!older.empty()) print_changes(surveys.back(), older, arguments.compare.string());
    for (const auto& file : figures) std::cout << '\n' << printed(file) << '\n';
  }
  const bool is_whole = std::all_of(surveys.begin(), surveys.end(),
                                    [](const Survey& survey) { return survey.skipped.empty(); });
  return is_whole ? kDone : kFailed;
}

}  // namespace attnviz::command
