#include "attnviz/snapshot.h"

#include <spdlog/spdlog.h>

#include <cstdlib>
#include <iostream>

#include "attnviz/error.h"
#include "commands.h"
#include "snapshot_report.h"

namespace attnviz::cli {
namespace {

namespace fs = std::filesystem;

constexpr char kExamples[] = R"(Examples:
  attnviz snapshot init attention.json --model gpt.pt
  attnviz snapshot record attention.json
  attnviz snapshot check attention.json
  attnviz snapshot check attention.json --model new.pt --html changes.html
  attnviz snapshot check attention.json --update

Exit status: 0 all the same, 1 something changed, 2 wrong usage or it could not
be done, 3 a baseline is missing. The suite's format: docs/snapshot.md.)";

struct SnapshotArguments {
  fs::path suite, model;
  SnapshotOptions options;
  ModelOptions capture;
  ReportArguments report;
  bool update = false, prune_obsolete = false;
};

/// As CI services set it.
bool is_in_ci() {
  const char* value = std::getenv("CI");
  const std::string text = value == nullptr ? "" : value;
  return !text.empty() && text != "0" && CLI::detail::to_lower(text) != "false";
}

void refuse_in_ci(const std::string& what) {
  if (!is_in_ci()) return;
  throw UsageError(what + " would change baselines, and CI is set: do it where you can look at " +
                   "them, and commit (or unset CI)");
}

int run_init(const SnapshotArguments& arguments) {
  write_starter_suite(arguments.suite, arguments.model);
  std::cout << arguments.suite.string() << '\n';
  spdlog::info("next: attnviz snapshot record {}", arguments.suite.string());
  return kDone;
}

void tell_obsolete(const std::vector<fs::path>& obsolete) {
  if (obsolete.empty()) return;
  spdlog::warn("{} of no text in the suite; check --prune-obsolete removes {}:",
               counted(std::int64_t(obsolete.size()), "baseline"),
               obsolete.size() == 1 ? "it" : "them");
  for (const fs::path& path : obsolete) spdlog::warn("  {}", path.string());
}

int run_record(const SnapshotArguments& arguments) {
  refuse_in_ci("snapshot record");
  const Suite suite = read_suite(arguments.suite);
  const std::vector<fs::path> files = record_suite(suite, arguments.options);
  for (const fs::path& file : files) std::cout << file.string() << '\n';
  if (const std::size_t n = suite.texts.size() - files.size(); n > 0) {
    spdlog::info(
        "{} had a baseline and keep{} it; snapshot check {} --update records anew what "
        "has changed",
        counted(std::int64_t(n), "text"), n == 1 ? "s" : "", suite.path.string());
  }
  return kDone;
}

int status_of(Verdict verdict) {
  switch (verdict) {
    case Verdict::same:
      return kDone;
    case Verdict::changed:
      return kChanged;
    case Verdict::missing:
      return kMissing;
    case Verdict::failed:
      break;
  }
  return kNotDone;
}

void update(const Suite& suite, const SnapshotReport& report) {
  for (const fs::path& file : update_baselines(suite, report)) {
    spdlog::info("recorded {}", file.string());
  }
}

void remove_obsolete(const SnapshotReport& report) {
  for (const fs::path& path : report.obsolete) {
    std::error_code error;
    fs::remove(path, error);
    if (error) throw FileError("cannot remove " + path.string() + ": " + error.message());
    spdlog::info("removed {}", path.string());
  }
}

int run_check(const SnapshotArguments& arguments) {
  if (arguments.update) refuse_in_ci("--update");
  if (arguments.prune_obsolete) refuse_in_ci("--prune-obsolete");
  check_report_files(arguments.report);
  const Suite suite = read_suite(arguments.suite);
  SnapshotOptions options = arguments.options;
  options.with_figures = arguments.update;
  SnapshotReport report = check_suite(suite, options);
  give_report(report, arguments.report, suite.path);
  if (arguments.update) update(suite, report);
  if (arguments.prune_obsolete) {
    remove_obsolete(report);
  } else {
    tell_obsolete(report.obsolete);
  }
  if (!arguments.update) return status_of(report.verdict());
  const bool is_undone = std::any_of(report.texts.begin(), report.texts.end(),
                                     [](const TextResult& text) { return !text.now; });
  return is_undone ? int(kNotDone) : int(kDone);
}

void add_suite(CLI::App& app, SnapshotArguments& arguments) {
  app.add_option("SUITE", arguments.suite, "the suite's file, JSON")
      ->required()
      ->check(not_empty())
      ->option_text(" ");
}

void add_overrides(CLI::App& app, SnapshotArguments& arguments) {
  app.add_option("--model", arguments.options.model, "instead of the suite's")
      ->check(not_empty())
      ->option_text("M.pt")
      ->group("Model");
  add_capture_options(app, arguments.capture, arguments.options.vocabulary);
}

/// What was parsed, as the library wants it.
void settle(SnapshotArguments& arguments) {
  if (arguments.capture.capture != CaptureMode::automatic) {
    arguments.options.capture = arguments.capture.capture;
  }
  arguments.options.device = arguments.capture.device;
  arguments.options.n_heads = arguments.report.n_heads;
  arguments.options.dpi = arguments.report.dpi;
}

}  // namespace

std::function<int()> set_up_snapshot(CLI::App& app) {
  auto arguments = std::make_shared<SnapshotArguments>();
  auto chosen = std::make_shared<int (*)(const SnapshotArguments&)>(nullptr);
  app.require_subcommand(1);
  app.footer(kExamples);
  const auto add = [&](const char* name, const char* summary,
                       int (*run)(const SnapshotArguments&)) -> CLI::App& {
    CLI::App& command = *app.add_subcommand(name, summary);
    command.callback([chosen, run] { *chosen = run; });
    add_suite(command, *arguments);
    return command;
  };
  CLI::App& init = add("init", "write a suite to begin with", run_init);
  init.add_option("--model", arguments->model, "to stand in it, as seen from its folder")
      ->check(not_empty())
      ->option_text("M.pt");
  CLI::App& record = add("record", "write the baselines that are missing", run_record);
  add_overrides(record, *arguments);
  CLI::App& check = add("check", "hold the model against the baselines", run_check);
  check.add_flag("--update", arguments->update, "then record anew what changed or is missing");
  check.add_flag("--prune-obsolete", arguments->prune_obsolete,
                 "remove baselines of texts that are gone from the suite");
  check.add_flag("--pixels", arguments->options.pixels,
                 "compare the suite's figures, too, byte for byte");
  add_report_options(check, arguments->report);
  add_overrides(check, *arguments);
  for (CLI::App* command : {&init, &record, &check}) add_verbosity(*command);
  return [arguments, chosen] {
    settle(*arguments);
    return (*chosen)(*arguments);
  };
}

}  // namespace attnviz::cli
