#include <spdlog/spdlog.h>

#include <iostream>

#include "attnviz/error.h"
#include "attnviz/file.h"
#include "attnviz/run.h"
#include "attnviz/survey.h"
#include "commands.h"
#include "head_report.h"
#include "head_table.h"
#include "terminal.h"

namespace attnviz::cli {
namespace {

constexpr char kExamples[] = R"(Examples:
  attnviz heads                       the built-in model on built-in texts
  attnviz heads --model gpt.pt --dir texts --prefix gpt
  attnviz heads --file a.txt b.txt --sort induction --only induction
  attnviz heads --importance zero --json > heads.json
  attnviz heads --model step2000.pt --compare heads-step1000.json
  attnviz heads --model step1000.pt step2000.pt --prefix training

Scores are of attention patterns, row 0 left out, means over texts. What each is
and the schema of --json and --csv: docs/heads.md.)";

struct HeadsArguments {
  SurveyOptions options;
  std::vector<std::filesystem::path> models, files, folders;
  std::vector<std::string> texts;
  std::string importance = "auto", entropy = "normalised", list;
  std::vector<std::string> scores;
  TableOptions table;
  bool explain = false, json = false, csv = false;
  std::filesystem::path compare, out_dir = ".";
  std::optional<std::string> prefix;
  int dpi = 150;
};

const std::map<std::string, std::optional<ImportanceKind>> kImportances = {
    {"auto", std::nullopt},
    {"none", ImportanceKind::none},
    {"gradient", ImportanceKind::gradient},
    {"zero", ImportanceKind::zero},
    {"mean", ImportanceKind::mean}};

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
void choose_scores(HeadsArguments& arguments) {
  ScoreOptions& wanted = arguments.options.statistics.scores;
  std::vector<Score>& columns = arguments.table.scores;
  wanted.naive_entropy = arguments.entropy == "naive";
  columns = usual_scores();
  if (arguments.options.n_probes == 0) {  // the texts' own repeats, then
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
  for (const auto& [name, why] : survey.skipped) spdlog::error("{}: {}", name, why);
  if (survey.n_cut > 0) {
    spdlog::warn("{} of the texts were cut at {} tokens (--max-tokens, or the model's positions)",
                 survey.n_cut, survey.report.longest);
  }
  if (!survey.no_probes.empty()) spdlog::warn("no probes: {}", survey.no_probes);
  if (!survey.importance.missing.empty()) {
    spdlog::warn("no importance: {}", survey.importance.missing);
  }
}

std::vector<Survey> survey_all(const HeadsArguments& arguments) {
  std::vector<Survey> surveys;
  std::vector<std::filesystem::path> models = arguments.models;
  if (models.empty()) models.emplace_back();
  for (const auto& model : models) {
    SurveyOptions options = arguments.options;
    options.model = model;
    StatusLine line(StatusLine::First::later);
    options.on_progress = [&](std::string_view stage, std::size_t done, std::size_t all) {
      if (line.is_due()) line.show(fmt::format("{}: {} of {} texts", stage, done, all));
    };
    surveys.push_back(survey_heads(options));
    line.clear();
    tell(surveys.back());
  }
  return surveys;
}

int run_heads(HeadsArguments arguments) {
  if (!arguments.list.empty()) return list(arguments.list);
  choose_scores(arguments);
  check_names(arguments.table);
  arguments.table.width = output_width();
  arguments.table.colours = has_colours();
  arguments.options.importance = kImportances.at(arguments.importance);
  arguments.options.texts = texts_of(arguments);
  const std::string older = arguments.compare.empty() ? "" : read_file(arguments.compare);
  std::vector<std::filesystem::path> figures;
  if (arguments.prefix) {
    const std::size_t n_models = std::max<std::size_t>(1, arguments.models.size());
    figures = survey_figure_files(arguments.out_dir, *arguments.prefix, n_models);
  }
  const std::vector<Survey> surveys = survey_all(arguments);
  if (!figures.empty()) draw_surveys(surveys, figures, arguments.dpi);
  if (arguments.json) {
    std::cout << (surveys.size() == 1 ? to_json(surveys[0]) : to_json(surveys)) << '\n';
  } else if (arguments.csv) {
    std::cout << to_csv(surveys);
  } else {
    print_report(surveys.back(), arguments.table, arguments.explain);
    for (std::size_t i = 0; i + 1 < surveys.size(); ++i) {
      print_changes(surveys.back(), to_json(surveys[i]), surveys[i].model);
    }
    if (!older.empty()) print_changes(surveys.back(), older, arguments.compare.string());
    for (const auto& file : figures) std::cout << '\n' << file.string() << '\n';
  }
  const bool is_whole = std::all_of(surveys.begin(), surveys.end(),
                                    [](const Survey& survey) { return survey.skipped.empty(); });
  return is_whole ? kDone : kFailed;
}

void add_text_options(CLI::App& app, HeadsArguments& arguments) {
  app.add_option("TEXT", arguments.texts, "texts; - reads standard input; none: built-in ones")
      ->option_text(" ");
  app.add_option("--file", arguments.files, "files, one text each")
      ->check(not_empty())
      ->option_text("F...");
  app.add_option("--dir", arguments.folders, "all .txt files in and below a folder")
      ->check(not_empty())
      ->option_text("D...");
  add_number(app, "--max-tokens", arguments.options.max_tokens,
             "cut longer texts there, and say so");
}

void add_measure_options(CLI::App& app, HeadsArguments& arguments) {
  app.add_option("--importance", arguments.importance,
                 "how much the loss depends on a head: gradient (by a gate on it), zero or mean "
                 "(its output replaced), none; auto: gradient where the model allows it")
      ->check(CLI::IsMember(names_of(kImportances)).description(""))
      ->option_text("KIND [" + arguments.importance + "]")
      ->group("Measures");
  app.add_option("--probes", arguments.options.n_probes, "sequences of repeated random tokens")
      ->check(CLI::Range(0, 10000).description(""))
      ->option_text("N [" + std::to_string(arguments.options.n_probes) + "]")
      ->group("Measures");
  app.add_option("--templates", arguments.options.n_templates,
                 "made-up sentences for each grammatical relation")
      ->check(CLI::Range(0, 10000).description(""))
      ->option_text("N [" + std::to_string(arguments.options.n_templates) + "]")
      ->group("Measures");
  app.add_option("--seed", arguments.options.statistics.seed, "of the probes and the intervals")
      ->option_text("N [" + std::to_string(arguments.options.statistics.seed) + "]")
      ->group("Measures");
  app.add_option_function<std::vector<std::string>>(
         "--threshold",
         [&](const std::vector<std::string>& assignments) {
           for (const auto& one : assignments) set_threshold(arguments.options.thresholds, one);
         },
         "where a label or flag begins; --list thresholds names them")
      ->option_text("NAME=VALUE...")
      ->group("Measures");
  app.add_option(
         "--entropy", arguments.entropy,
         "normalised, or naive: -sum p log(p + 1e-10) over all rows, as old reports have it")
      ->check(CLI::IsMember({"normalised", "naive"}).description(""))
      ->option_text("KIND [" + arguments.entropy + "]")
      ->group("Measures");
}

void add_output_options(CLI::App& app, HeadsArguments& arguments) {
  app.add_option("--scores", arguments.scores, "the table's columns; --list scores names them")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->option_text("NAME[,NAME...]")
      ->group("Output");
  app.add_option("--sort", arguments.table.sort, "head, importance or a score's name")
      ->option_text("BY [" + arguments.table.sort + "]")
      ->group("Output");
  app.add_option("--only", arguments.table.only, "all, flagged, or a label's or flag's name")
      ->option_text("WHICH [" + arguments.table.only + "]")
      ->group("Output");
  app.add_flag("--explain", arguments.explain, "each label and flag in a sentence")
      ->group("Output");
  auto* json =
      app.add_flag("--json", arguments.json, "print one JSON object; of several models an array")
          ->group("Output");
  auto* csv = app.add_flag("--csv", arguments.csv, "print one line a head")
                  ->excludes(json)
                  ->group("Output");
  json->option_text(" ");
  csv->option_text(" ");
  app.add_option("--compare", arguments.compare, "say what changed since an older --json")
      ->check(not_empty())
      ->option_text("OLD.json")
      ->excludes(json)
      ->excludes(csv)
      ->group("Output");
  add_pictures(app, arguments.prefix, arguments.out_dir, arguments.dpi,
               "draw P_head_summary.png, and of several models P_head_history.png");
  app.add_option("--list", arguments.list, "print the scores, or the thresholds, and be done")
      ->check(CLI::IsMember({"scores", "thresholds"}).description(""))
      ->option_text("WHAT")
      ->group("Output");
}

}  // namespace

std::function<int()> set_up_heads(CLI::App& app) {
  auto arguments = std::make_shared<HeadsArguments>();
  add_text_options(app, *arguments);
  add_measure_options(app, *arguments);
  add_output_options(app, *arguments);
  app.add_option("--model", arguments->models,
                 "TorchScript GPT (default: the built-in one); several: what changes from each to "
                 "the last")
      ->check(not_empty())
      ->option_text("M.pt...")
      ->group("Model");
  add_capture_options(app, arguments->options.capture, arguments->options.vocabulary);
  add_verbosity(app);
  app.footer(kExamples);
  return [arguments] { return run_heads(*arguments); };
}

}  // namespace attnviz::cli
