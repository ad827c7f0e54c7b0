#include "attnviz/error.h"
#include "commands.h"

namespace attnviz::cli {
namespace {

constexpr char kExamples[] = R"(Examples:
  attnviz snapshot init attention.json --model gpt.pt
  attnviz snapshot record attention.json
  attnviz snapshot check attention.json
  attnviz snapshot check attention.json --model new.pt --html changes.html
  attnviz snapshot check attention.json --update

Exit status: 0 all the same, 1 something changed, 2 wrong usage or it could not
be done, 3 a baseline is missing. The suite's format: docs/snapshot.md.)";

void add_suite(CLI::App& app, command::SnapshotArguments& arguments) {
  app.add_option("SUITE", arguments.suite, "the suite's file, JSON")
      ->required()
      ->check(not_empty())
      ->option_text(" ");
}

void add_overrides(CLI::App& app, command::SnapshotArguments& arguments) {
  app.add_option("--model", arguments.options.model, "instead of the suite's")
      ->check(not_empty())
      ->option_text("M.pt")
      ->group("Model");
  add_capture_options(app, arguments.capture, arguments.options.vocabulary);
}

/// What was parsed, as the library wants it.
void settle(command::SnapshotArguments& arguments) {
  if (arguments.capture.capture != CaptureMode::automatic) {
    arguments.options.capture = arguments.capture.capture;
  }
  arguments.options.device = arguments.capture.device;
  arguments.options.n_heads = arguments.report.n_heads;
  arguments.options.dpi = arguments.report.dpi;
}

}  // namespace

Run set_up_snapshot(CLI::App& app) {
  auto arguments = std::make_shared<command::SnapshotArguments>();
  using Step = int (*command::Commands::*)(const command::SnapshotArguments&);
  auto chosen = std::make_shared<Step>(nullptr);
  app.require_subcommand(1);
  app.footer(kExamples);
  const auto add = [&](const char* name, const char* summary, Step step) -> CLI::App& {
    CLI::App& command = *app.add_subcommand(name, summary);
    command.callback([chosen, step] { *chosen = step; });
    add_suite(command, *arguments);
    return command;
  };
  CLI::App& init = add("init", "write a suite to begin with", &command::Commands::snapshot_init);
  init.add_option("--model", arguments->model, "to stand in it, as seen from its folder")
      ->check(not_empty())
      ->option_text("M.pt");
  CLI::App& record =
      add("record", "write the baselines that are missing", &command::Commands::snapshot_record);
  add_overrides(record, *arguments);
  CLI::App& check =
      add("check", "hold the model against the baselines", &command::Commands::snapshot_check);
  check.add_flag("--update", arguments->update, "then record anew what changed or is missing");
  check.add_flag("--prune-obsolete", arguments->prune_obsolete,
                 "remove baselines of texts that are gone from the suite");
  check.add_flag("--pixels", arguments->options.pixels,
                 "compare the suite's figures, too, byte for byte");
  add_report_options(check, arguments->report);
  add_overrides(check, *arguments);
  for (CLI::App* command : {&init, &record, &check}) add_verbosity(*command);
  return [arguments, chosen](const command::Commands& run) {
    settle(*arguments);
    return (run.**chosen)(*arguments);
  };
}

}  // namespace attnviz::cli
