#include "attnviz/error.h"
#include "commands.h"

namespace attnviz::cli {
namespace {

constexpr char kExamples[] = R"(Examples:
  attnviz batch texts --out-dir pictures
  attnviz batch texts --out-dir pictures --dry-run
  attnviz batch speeches.jsonl notes/*.md --out-dir out --head-report
  find . -name '*.py' -print0 | attnviz batch --files-from - -0 --out-dir out
  attnviz batch lines.txt --per-line --out-dir out --figures none --head-report
  attnviz batch dumps --attention --glob '*.npz' --out-dir out --drop-first
  attnviz batch texts --out-dir part2 --shard 2/4     (see attnviz merge)

The same command again does only what is missing. What inputs are called, and
what is in the folder: docs/batch.md. Several machines: docs/scale-out.md.)";

void add_input_options(CLI::App& app, command::BatchArguments& arguments) {
  app.add_option(
         "INPUT", arguments.inputs.paths,
         "text files, folders, .jsonl files (lines with \"text\" or \"ids\"); - reads standard "
         "input")
      ->option_text(" ");
  app.add_option("--files-from", arguments.files_from, "read more INPUTs from a file, a line each")
      ->check(not_empty())
      ->option_text("LIST");
  app.add_flag("-0,--null", arguments.null, "LIST ends its names by NUL (find -print0)")
      ->option_text(" ");
  app.add_option("--glob", arguments.inputs.globs, "which files of a folder are texts")
      ->allow_extra_args(false)
      ->option_text("GLOB [*.txt]");
  app.add_flag("--per-line", arguments.inputs.per_line, "each line of a file is a text")
      ->option_text(" ");
}

void add_run_options(CLI::App& app, command::BatchArguments& arguments) {
  BatchOptions& options = arguments.options;
  app.add_option("--jobs", options.jobs, "texts at once (default: the cores it may use)")
      ->check(CLI::Range(1, 4096).description(""))
      ->option_text("N")
      ->group("Run");
  app.add_option("--max-memory", options.max_memory,
                 "of the whole process, such as 4GB (default: half of what is free)")
      ->transform(CLI::AsSizeValue(/*kb_is_1000=*/true).description(""))
      ->option_text("SIZE")
      ->group("Run");
  app.add_option("--shard", arguments.shard,
                 "only the I-th of N parts of equal cost (default: Slurm's job array says)")
      ->check(not_empty())
      ->option_text("I/N")
      ->group("Run");
  const auto flag = [&](const char* name, bool& value, const char* help) {
    app.add_flag(name, value, help)->option_text(" ")->group("Run");
  };
  flag("--fail-fast", options.fail_fast, "stop at the first text that fails");
  flag("--force", options.force, "do again what is there already");
  flag("--dry-run", arguments.dry_run, "print what would be done, and write nothing");
}

}  // namespace

Run set_up_batch(CLI::App& app) {
  auto arguments = std::make_shared<command::BatchArguments>();
  BatchOptions& options = arguments->options;
  add_input_options(app, *arguments);
  app.add_option("--out-dir", options.out_dir, "folder for everything, made if missing")
      ->check(not_empty())
      ->option_text("D")
      ->required();
  app.add_flag("--save-attention", options.save_attention,
               "write each text's patterns: NAME_attention.safetensors")
      ->option_text(" ");
  app.add_flag("--html", options.html,
               "write a page for each text: NAME_attention.html, and index.html")
      ->option_text(" ");
  app.add_flag("--head-report", options.heads,
               "score the heads: NAME_heads.json, and heads.json of all texts")
      ->option_text(" ");
  add_run_options(app, *arguments);
  add_figure_options(app, options.show);
  app.add_flag("--attention", options.attention, "INPUTs are files of patterns, not texts")
      ->option_text(" ")
      ->group("Patterns from files");
  add_dump_options(app, options.show.dump);
  add_model_options(app, options.show);
  CLI::Option* attention = app.get_option("--attention");
  for (const char* name :
       {"--per-line", "--model", "--max-tokens", "--capture", "--device", "--trust-model"}) {
    attention->excludes(app.get_option(name));
  }
  for (const char* name : {"--tensors", "--batch-item", "--bidirectional"}) {
    app.get_option(name)->needs(attention);
  }
  add_verbosity(app);
  app.footer(kExamples);
  return [arguments](const command::Commands& run) { return run.batch(*arguments); };
}

}  // namespace attnviz::cli
