#include "commands.h"

namespace attnviz::cli {
namespace {

constexpr char kExamples[] = R"(Examples:
  attnviz merge part1 part2 part3 part4 -o all
  attnviz merge parts/* -o all --force

The pictures stay where they are; the index names them from there. The head
scores are those of one run over all texts.)";

}  // namespace

Run set_up_merge(CLI::App& app) {
  auto arguments = std::make_shared<command::MergeArguments>();
  app.add_option("FOLDER", arguments->folders, "the --out-dir of each batch")
      ->required()
      ->check(not_empty())
      ->option_text(" ");
  app.add_option("-o,--out-dir", arguments->out_dir, "folder for the index and the head scores")
      ->required()
      ->check(not_empty())
      ->option_text("D");
  app.add_flag("--force", arguments->force, "replace an index that D holds already")
      ->option_text(" ");
  add_verbosity(app);
  app.footer(kExamples);
  return [arguments](const command::Commands& run) { return run.merge(*arguments); };
}

}  // namespace attnviz::cli
