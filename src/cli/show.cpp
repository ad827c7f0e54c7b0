#include "attnviz/error.h"
#include "commands.h"

namespace attnviz::cli {
namespace {

constexpr char kExamples[] = R"(Examples:
  attnviz show                        the two example texts, in this folder
  attnviz "To be or not to be" --prefix tobe --out-dir pictures
  attnviz --file speech.txt --max-tokens 256 --scale log
  attnviz "The cat sat on the mat" --model gpt.pt --layer 5 --head 1,2
  attnviz "The cat sat" --save-attention cat.safetensors --json
  attnviz "The cat sat" --format svg,pdf --html cat.html
  attnviz "The cat sat" --print --layer 2 --head 1)";

}  // namespace

Run set_up_show(CLI::App& app) {
  auto arguments = std::make_shared<command::ShowArguments>();
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
  CLI::Option* html = app.add_option("--html", options.html, "write a page to explore them in")
                          ->check(not_empty())
                          ->option_text("F.html");
  app.add_option("--findings", options.findings, "what attnviz heads --json found, for the page")
      ->check(not_empty())
      ->option_text("HEADS.json")
      ->needs(html);
  CLI::Option* print = app.add_flag("--print", arguments->print,
                                    "draw in the terminal instead; --layer and --head choose")
                           ->option_text(" ");
  app.add_flag("--json", arguments->json, "print one JSON object instead of the paths");
  app.add_flag("--timings", arguments->timings, "say what each stage took, on standard error")
      ->option_text(" ");
  add_figure_options(app, options.figures, options.figure);
  add_model_options(app, options);
  for (const char* name : {"--html", "--save-attention", "--json", "--timings", "--prefix",
                           "--out-dir", "--figures", "--format", "--dpi"}) {
    print->excludes(app.get_option(name));
  }
  add_verbosity(app);
  app.footer(kExamples);
  return [arguments](const command::Commands& run) { return run.show(*arguments); };
}

}  // namespace attnviz::cli
