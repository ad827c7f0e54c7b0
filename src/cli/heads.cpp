#include <cctype>

#include "attnviz/error.h"
#include "commands.h"

namespace attnviz::cli {
namespace {

constexpr char kExamples[] = R"(Examples:
  attnviz heads                       the built-in model on built-in texts
  attnviz heads --model gpt.pt --dir texts --prefix gpt
  attnviz heads --file a.txt b.txt --sort induction --only induction
  attnviz heads --importance zero --json > heads.json
  attnviz heads --model step2000.pt --compare heads-step1000.json
  attnviz heads --model step1000.pt step2000.pt --prefix training
  attnviz heads --attention dumps/*.npz --layers 0,3-5

Scores are of attention patterns, row 0 left out, means over texts. What each is
and the schema of --json and --csv: docs/heads.md.)";

const std::map<std::string, std::optional<ImportanceKind>> kImportances = {
    {"auto", std::nullopt},
    {"none", ImportanceKind::none},
    {"gradient", ImportanceKind::gradient},
    {"zero", ImportanceKind::zero},
    {"mean", ImportanceKind::mean}};

void add_text_options(CLI::App& app, command::HeadsArguments& arguments) {
  app.add_option("TEXT", arguments.texts, "texts; - reads standard input; none: built-in ones")
      ->option_text(" ");
  app.add_option("--file", arguments.files, "files, one text each")
      ->check(not_empty())
      ->option_text("F...");
  app.add_option("--dir", arguments.folders, "all .txt files in and below a folder")
      ->check(not_empty())
      ->option_text("D...");
  app.add_option("--ids", arguments.ids, "token ids, one text a list, or a JSON file of them")
      ->check(not_empty())
      ->option_text("5,3,8|F.json...");
  app.add_option("--attention", arguments.attention,
                 "files of patterns, .safetensors, .npy or .npz, one text each, of any model")
      ->check(not_empty())
      ->option_text("F...");
  add_number(app, "--max-tokens", arguments.options.max_tokens,
             "cut longer texts there, and say so");
}

void add_measure_options(CLI::App& app, command::HeadsArguments& arguments) {
  app.add_option_function<std::string>(
         "--importance",
         [&](const std::string& name) { arguments.options.importance = kImportances.at(name); },
         "how much the loss depends on a head: gradient (by a gate on it), zero or mean "
         "(its output replaced), none; auto: gradient where the model allows it")
      ->check(one_of(names_of(kImportances)))
      ->option_text("KIND [auto]")
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
      ->check(one_of({"normalised", "naive"}))
      ->option_text("KIND [" + arguments.entropy + "]")
      ->group("Measures");
}

void add_output_options(CLI::App& app, command::HeadsArguments& arguments) {
  app.add_option("--scores", arguments.scores, "the table's columns; --list scores names them")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->option_text("NAME[,NAME...]")
      ->group("Output");
  app.add_option("--sort", arguments.sort, "head, importance or a score's name")
      ->option_text("BY [" + arguments.sort + "]")
      ->group("Output");
  add_layers_and_heads(app, arguments.choice, "Output");
  app.add_option_function<std::vector<std::string>>(
         "--only",
         [&](const std::vector<std::string>& names) {
           for (const std::string& name : names) {
             const bool is_head = name.size() > 1 && name[0] == 'L' && std::isdigit(name[1]) != 0;
             if (is_head) {
               arguments.choice.only.push_back(head_named(name));
             } else if (names.size() > 1) {
               throw UsageError("--only takes several heads, or one label or flag; not " + name +
                                " among others");
             } else {
               arguments.only = name;
             }
           }
         },
         "these heads, or those with a label or flag: its name, flagged, or all")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->option_text("L5H1,... | WHICH [" + arguments.only + "]")
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
  add_pictures(app, arguments.pictures,
               "draw P_head_summary.png, and of several models P_head_history.png");
  app.add_option("--list", arguments.list, "print the scores, or the thresholds, and be done")
      ->check(one_of({"scores", "thresholds"}))
      ->option_text("WHAT")
      ->group("Output");
}

}  // namespace

Run set_up_heads(CLI::App& app) {
  auto arguments = std::make_shared<command::HeadsArguments>();
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
  add_dump_options(app, arguments->dump);
  for (const char* name :
       {"TEXT", "--file", "--dir", "--ids", "--model", "--max-tokens", "--importance", "--probes",
        "--templates", "--capture", "--device", "--trust-model"}) {
    app.get_option("--attention")->excludes(app.get_option(name));
  }
  add_verbosity(app);
  app.footer(kExamples);
  return [arguments](const command::Commands& run) { return run.heads(*arguments); };
}

}  // namespace attnviz::cli
