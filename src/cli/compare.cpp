#include <cmath>
#include <iostream>

#include "attnviz/error.h"
#include "attnviz/snapshot.h"
#include "commands.h"
#include "snapshot_report.h"

namespace attnviz::cli {
namespace {

constexpr char kExamples[] = R"(Examples:
  attnviz compare gpt.pt pruned.pt --text "The cat sat on the mat"
  attnviz compare gpt.pt tuned.pt --file speech.txt --html changes.html
  attnviz compare before.safetensors after.safetensors
  attnviz compare attention.snapshots/cat.safetensors gpt.pt

Exit status: 0 the same, 1 changed, 2 wrong usage or it could not be done.)";

struct CompareArguments {
  CompareOptions options;
  std::vector<std::string> texts;
  std::vector<std::filesystem::path> files;
  std::optional<std::int64_t> max_tokens;
  ReportArguments report;
};

std::vector<SuiteText> texts_of(const CompareArguments& arguments) {
  std::vector<SuiteText> texts;
  for (const std::string& text : arguments.texts) texts.push_back({prefix_from(text), text});
  for (const auto& file : arguments.files) texts.push_back({file.stem().string(), "", file});
  if (texts.empty() && arguments.max_tokens) {
    throw UsageError("--max-tokens needs a --text or a --file that it could cut");
  }
  for (SuiteText& text : texts) text.max_tokens = arguments.max_tokens;
  for (std::size_t i = 0; i < texts.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      if (texts[i].name == texts[j].name) {
        throw UsageError("two texts have the name " + texts[i].name + "; their pictures would too");
      }
    }
  }
  return texts;
}

int run_compare(CompareArguments& arguments) {
  check_report_files(arguments.report);
  CompareOptions& options = arguments.options;
  options.texts = texts_of(arguments);
  options.n_heads = arguments.report.n_heads;
  options.dpi = arguments.report.dpi;
  SnapshotReport report = compare(options);
  give_report(report, arguments.report);
  return report.verdict() == Verdict::same ? int(kDone) : int(kChanged);
}

void add_tolerance(CLI::App& app, const char* name, std::optional<double>& value,
                   const char* help) {
  app.add_option(name, value, help)
      ->check(CLI::Validator(
          [](const std::string& text) {
            double number = 0;
            const bool is_fine =
                CLI::detail::lexical_cast(text, number) && std::isfinite(number) && number >= 0;
            return is_fine ? std::string() : text + " is no number of 0 or more";
          },
          ""))
      ->option_text("X")
      ->group("Tolerance");
}

}  // namespace

std::function<int()> set_up_compare(CLI::App& app) {
  auto arguments = std::make_shared<CompareArguments>();
  CompareOptions& options = arguments->options;
  const auto add_side = [&app](const char* name, std::filesystem::path& path, const char* help) {
    app.add_option(name, path, help)->required()->check(not_empty())->option_text(" ");
  };
  add_side("A", options.before, "before: a model, a snapshot, or saved attention");
  add_side("B", options.after, "after: likewise");
  app.add_option("--text", arguments->texts,
                 "of two models: on this text (default: two short ones)")
      ->option_text("TEXT...");
  app.add_option("--file", arguments->files, "on the text of a file")
      ->check(not_empty())
      ->option_text("F...");
  app.add_option("--max-tokens", arguments->max_tokens, "cut longer texts there")
      ->check(CLI::PositiveNumber.description(""))
      ->option_text("N");
  add_tolerance(app, "--pattern", options.tolerance.pattern,
                "a weight may differ by so much (default: by rounding)");
  add_tolerance(app, "--divergence", options.tolerance.divergence,
                "a head's patterns, by so many bits");
  add_tolerance(app, "--score", options.tolerance.score, "a head's score, by so much");
  add_report_options(app, arguments->report);
  add_capture_options(app, options.capture, options.vocabulary);
  add_verbosity(app);
  app.footer(kExamples);
  return [arguments] { return run_compare(*arguments); };
}

}  // namespace attnviz::cli
