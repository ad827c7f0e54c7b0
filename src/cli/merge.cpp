#include <spdlog/spdlog.h>

#include <iostream>

#include "attnviz/batch.h"
#include "batch_report.h"
#include "commands.h"

namespace attnviz::cli {
namespace {

constexpr char kExamples[] = R"(Examples:
  attnviz merge part1 part2 part3 part4 -o all
  attnviz merge parts/* -o all --force

The pictures stay where they are; the index names them from there. The head
scores are those of one run over all texts.)";

struct MergeArguments {
  std::vector<std::filesystem::path> folders;
  std::filesystem::path out_dir;
  bool force = false;
};

int run(const MergeArguments& arguments) {
  const BatchResult result = merge_batches(arguments.folders, arguments.out_dir, arguments.force);
  report_failures(result);
  spdlog::info("{} of {}, {} of them failed", counted(result.progress.texts, "text"),
               counted(std::int64_t(arguments.folders.size()), "folder"), result.progress.failed);
  for (const auto& file : result.files) std::cout << file.string() << '\n';
  return kDone;
}

}  // namespace

std::function<int()> set_up_merge(CLI::App& app) {
  auto arguments = std::make_shared<MergeArguments>();
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
  return [arguments] { return run(*arguments); };
}

}  // namespace attnviz::cli
