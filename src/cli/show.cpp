#include <spdlog/spdlog.h>

#include <iostream>

#include "attnviz/error.h"
#include "attnviz/file.h"
#include "attnviz/run.h"
#include "commands.h"

namespace attnviz::cli {
namespace {

constexpr char kExamples[] = R"(Examples:
  attnviz show                        the two example texts, in this folder
  attnviz "To be or not to be" --prefix tobe --out-dir pictures
  attnviz --file speech.txt --max-tokens 256 --scale log
  attnviz "The cat sat on the mat" --model gpt.pt --layer 5 --head 1,2
  attnviz "The cat sat" --save-attention cat.safetensors --json)";

struct ShowArguments {
  ShowOptions options;
  std::string text;
  std::optional<std::string> file;
  std::optional<std::string> prefix;
  std::string format = "png";
  bool json = false;
};

struct Job {
  std::string text;
  std::string prefix;
};

std::vector<Job> jobs_of(const ShowArguments& arguments, bool has_text) {
  Job job;
  if (arguments.file) {
    job.text = without_last_newline(read_file(*arguments.file));
  } else if (arguments.text == "-") {
    job.text = without_last_newline(read_standard_input());
  } else if (has_text) {
    job.text = arguments.text;
  } else {
    if (arguments.prefix) throw UsageError("--prefix needs a TEXT or a --file");
    return {{"To be or not to be, that is the question", "tobe"},
            {"The cat sat on the mat", "cat"}};
  }
  job.prefix = arguments.prefix.value_or(prefix_from(job.text));
  return {job};
}

void report(const Shown& shown) {
  if (shown.n_tokens_cut > 0) {
    spdlog::warn("the text has {} tokens; the last {} were cut (--max-tokens {})",
                 shown.ids.size() + shown.n_tokens_cut, shown.n_tokens_cut, shown.ids.size());
  }
  spdlog::debug("{} tokens, {} layers, attention captured by {}", shown.ids.size(),
                shown.n_heads.size(), to_string(shown.capture));
  for (const auto& [stage, time] : shown.timings_ms)
    spdlog::debug("{:>16} {:8.1f} ms", stage, time);
}

int run_show(const ShowArguments& arguments, bool has_text) {
  const std::vector<Job> jobs = jobs_of(arguments, has_text);
  if (jobs.size() > 1 && arguments.json) {
    throw UsageError("--json needs a TEXT or a --file: one text, one object");
  }
  if (jobs.size() > 1 && !arguments.options.save_attention.empty()) {
    throw UsageError("--save-attention needs a TEXT or a --file");
  }
  Visualizer visualizer(arguments.options);
  for (const Job& job : jobs) {
    const Shown shown = visualizer.show(job.text, job.prefix);
    report(shown);
    if (arguments.json) {
      std::cout << to_json(shown) << '\n';
    } else {
      for (const auto& file : shown.files) std::cout << file.string() << '\n';
    }
  }
  return kDone;
}

}  // namespace

std::function<int()> set_up_show(CLI::App& app) {
  auto arguments = std::make_shared<ShowArguments>();
  ShowOptions& options = arguments->options;
  CLI::Option* text = app.add_option("TEXT", arguments->text,
                                     "the text; - reads standard input; none draws examples")
                          ->option_text(" ");
  app.add_option("--file", arguments->file, "read the text from a file")
      ->check(not_empty())
      ->option_text("F")
      ->excludes(text);
  app.add_option("--prefix", arguments->prefix,
                 "how the files' names begin (default: from the text)")
      ->option_text("P");
  app.add_option("--out-dir", options.out_dir, "folder for the pictures, made if missing")
      ->option_text("D [.]");
  app.add_option("--save-attention", options.save_attention, "write the patterns, too")
      ->check(not_empty())
      ->option_text("F.safetensors");
  app.add_flag("--json", arguments->json, "print one JSON object instead of the paths");
  add_figure_options(app, options.figures, options.figure);
  app.add_option("--format", arguments->format, "png, the only one there is")
      ->check(CLI::IsMember({"png"}).description(""))
      ->option_text("png")
      ->group("Figures");
  add_model_options(app, options);
  add_verbosity(app);
  app.footer(kExamples);
  return [arguments, text] { return run_show(*arguments, text->count() > 0); };
}

}  // namespace attnviz::cli
