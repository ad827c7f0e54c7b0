#include <spdlog/spdlog.h>

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <iostream>

#include "attnviz/error.h"
#include "attnviz/snapshot.h"
#include "command.h"
#include "snapshot_report.h"
#include "terminal.h"

namespace attnviz::command {
namespace {

namespace fs = std::filesystem;

/// As CI services set it.
bool is_in_ci() {
  const char* value = std::getenv("CI");
  std::string text = value == nullptr ? "" : value;
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return !text.empty() && text != "0" && text != "false";
}

void refuse_in_ci(const std::string& what) {
  if (!is_in_ci()) return;
  throw UsageError(what + " would change baselines, and CI is set: do it where you can look at " +
                   "them, and commit (or unset CI)");
}

void tell_obsolete(const std::vector<fs::path>& obsolete) {
  if (obsolete.empty()) return;
  spdlog::warn("{} of no text in the suite; check --prune-obsolete removes {}:",
               counted(std::int64_t(obsolete.size()), "baseline"),
               obsolete.size() == 1 ? "it" : "them");
  for (const fs::path& path : obsolete) spdlog::warn("  {}", printed(path));
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
    spdlog::info("recorded {}", printed(file));
  }
}

void remove_obsolete(const SnapshotReport& report) {
  for (const fs::path& path : report.obsolete) {
    std::error_code error;
    fs::remove(path, error);
    if (error) throw FileError("cannot remove " + path.string() + ": " + error.message());
    spdlog::info("removed {}", printed(path));
  }
}

}  // namespace

int snapshot_init(const SnapshotArguments& arguments) {
  write_starter_suite(arguments.suite, arguments.model);
  std::cout << printed(arguments.suite) << '\n';
  spdlog::info("next: attnviz snapshot record {}", printed(arguments.suite));
  return kDone;
}

int snapshot_record(const SnapshotArguments& arguments) {
  refuse_in_ci("snapshot record");
  const Suite suite = read_suite(arguments.suite);
  const std::vector<fs::path> files = record_suite(suite, arguments.options);
  for (const fs::path& file : files) std::cout << printed(file) << '\n';
  if (const std::size_t n = suite.texts.size() - files.size(); n > 0) {
    spdlog::info(
        "{} had a baseline and keep{} it; snapshot check {} --update records anew what "
        "has changed",
        counted(std::int64_t(n), "text"), n == 1 ? "s" : "", printed(suite.path));
  }
  return kDone;
}

int snapshot_check(const SnapshotArguments& arguments) {
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

}  // namespace attnviz::command
