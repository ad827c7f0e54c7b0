#include "attnviz/error.h"
#include "commands.h"

namespace attnviz::cli {
namespace {

constexpr char kExamples[] = R"(Examples:
  attnviz show                        the two example texts, in this folder
  attnviz "To be or not to be" --prefix tobe --out-dir pictures
  attnviz --file speech.txt --max-tokens 256 --scale log
  attnviz "The cat sat on the mat" --model gpt.pt --layers 5 --heads 1,2
  attnviz "The cat sat" --save-attention cat.safetensors --json
  attnviz "The cat sat" --format svg,pdf --html cat.html
  attnviz "The cat sat" --print --only L2H1
  attnviz "Once upon a time" --generate 12 --drop-first
  attnviz show --ids 5,3,8 --model notes.pt      tokens that are not text
  attnviz show --attention dumped.safetensors --tokens tokens.json

Patterns of a model that is no TorchScript: docs/dump.md shows how to dump them.)";

void add_generation(CLI::App& app, GenerateOptions& values) {
  CLI::Option* generate =
      app.add_option("--generate", values.n_tokens, "let the model go on by N tokens, and show all")
          ->check(positive())
          ->option_text("N")
          ->group("Generation");
  CLI::Option* temperature =
      app.add_option("--temperature", values.temperature,
                     "0: the most probable token each time; else drawn, the higher the freer")
          ->check(not_negative())
          ->needs(generate)
          ->option_text("X [0]")
          ->group("Generation");
  app.add_option("--top-k", values.top_k, "draw from the K most probable tokens alone")
      ->check(positive())
      ->needs(temperature)
      ->option_text("K")
      ->group("Generation");
  app.add_option("--seed", values.seed, "of the draws")
      ->check(not_negative())
      ->needs(temperature)
      ->option_text("N [0]")
      ->group("Generation");
}

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
  app.add_option("--ids", arguments->ids,
                 "token ids instead of a text, labelled by --vocab, else by their numbers")
      ->check(not_empty())
      ->option_text("5,3,8|F.json")
      ->excludes(text)
      ->excludes(app.get_option("--file"));
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
  CLI::Option* print =
      app.add_flag("--print", arguments->print, "draw in the terminal instead of files")
          ->option_text(" ");
  app.add_flag("--json", arguments->json, "print one JSON object instead of the paths")
      ->option_text(" ");
  app.add_flag("--timings", arguments->timings, "say what each stage took, on standard error")
      ->option_text(" ");
  add_figure_options(app, options);
  CLI::Option* attention =
      app.add_option("--attention", options.attention,
                     "show the patterns in a .safetensors, .npy or .npz file, of any model")
          ->check(not_empty())
          ->option_text("F")
          ->group("Patterns from files")
          ->excludes(text)
          ->excludes(app.get_option("--file"))
          ->excludes(app.get_option("--ids"));
  add_tokens(app, options.dump)->needs(attention);
  add_dump_options(app, options.dump);
  for (const char* name : {"--tensors", "--batch-item", "--bidirectional"}) {
    app.get_option(name)->needs(attention);
  }
  auto generation = std::make_shared<GenerateOptions>();
  add_generation(app, *generation);
  add_model_options(app, options);
  for (const char* name :
       {"--model", "--max-tokens", "--capture", "--device", "--trust-model", "--generate"}) {
    attention->excludes(app.get_option(name));
  }
  for (const char* name : {"--html", "--save-attention", "--json", "--timings", "--prefix",
                           "--out-dir", "--figures", "--format", "--dpi"}) {
    print->excludes(app.get_option(name));
  }
  add_verbosity(app);
  app.footer(kExamples);
  return [arguments, generation](const command::Commands& run) {
    if (generation->n_tokens > 0) arguments->options.generate = *generation;
    return run.show(*arguments);
  };
}

}  // namespace attnviz::cli
