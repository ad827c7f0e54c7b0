#include <cmath>

#include "attnviz/error.h"
#include "commands.h"

namespace attnviz::cli {
namespace {

constexpr char kExamples[] = R"(Examples:
  attnviz compare gpt.pt pruned.pt --text "The cat sat on the mat"
  attnviz compare gpt.pt tuned.pt --file speech.txt --html changes.html
  attnviz compare before.safetensors after.safetensors
  attnviz compare attention.snapshots/cat.safetensors gpt.pt
  attnviz compare dumped.npz saved.safetensors --layers 0-2

Exit status: 0 the same, 1 changed, 2 wrong usage or it could not be done.)";

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

Run set_up_compare(CLI::App& app) {
  auto arguments = std::make_shared<command::CompareArguments>();
  CompareOptions& options = arguments->options;
  const auto add_side = [&app](const char* name, std::filesystem::path& path, const char* help) {
    app.add_option(name, path, help)->required()->check(not_empty())->option_text(" ");
  };
  add_side("A", options.before, "before: a model, a snapshot, or a file of patterns");
  add_side("B", options.after, "after: likewise");
  app.add_option("--text", arguments->texts,
                 "of two models: on this text (default: two short ones)")
      ->option_text("TEXT...");
  app.add_option("--file", arguments->files, "on the text of a file")
      ->check(not_empty())
      ->option_text("F...");
  app.add_option("--max-tokens", arguments->max_tokens, "cut longer texts there")
      ->check(positive())
      ->option_text("N");
  add_tolerance(app, "--pattern", options.tolerance.pattern,
                "a weight may differ by so much (default: by rounding)");
  add_tolerance(app, "--divergence", options.tolerance.divergence,
                "a head's patterns, by so many bits");
  add_tolerance(app, "--score", options.tolerance.score, "a head's score, by so much");
  add_choice(app, options.choice, "Which heads");
  add_dump_options(app, options.dump);
  add_report_options(app, arguments->report);
  add_capture_options(app, options.capture, options.vocabulary);
  add_verbosity(app);
  app.footer(kExamples);
  return [arguments](const command::Commands& run) { return run.compare(*arguments); };
}

}  // namespace attnviz::cli
