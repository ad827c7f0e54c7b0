#include "batch_report.h"

#include <spdlog/spdlog.h>

#include <iostream>

#include "command.h"
#include "file/one_line.h"
#include "terminal.h"

namespace attnviz::command {
namespace {

std::string seconds_of(double seconds) {
  char text[32];
  std::snprintf(text, sizeof text, seconds < 10 ? "%.2f s" : "%.0f s", seconds);
  return text;
}

void report_remarks(const BatchResult& result) {
  constexpr std::size_t kMost = 20;
  std::size_t n = 0;
  for (const auto& [remark, n_files] : result.remarks) {
    if (++n <= kMost) spdlog::info("{}: {}", counted(n_files, "file"), one_line(remark));
  }
  if (n > kMost)
    spdlog::info("and {} more such remarks; attnviz show tells a file's own", n - kMost);
}

}  // namespace

void report_failures(const BatchResult& result) {
  constexpr std::size_t kMost = 20;
  const std::vector<BatchFailure>& failures = result.failures;
  for (std::size_t i = 0; i < std::min(failures.size(), kMost); ++i) {
    spdlog::error("{}: {}", one_line(failures[i].input), one_line(failures[i].why));
  }
  if (failures.size() > kMost) {
    spdlog::error("and {} more that failed; index.jsonl has them all, under error",
                  failures.size() - kMost);
  }
}

void report_batch(const BatchResult& result, double seconds) {
  const BatchProgress& progress = result.progress;
  report_failures(result);
  report_remarks(result);
  std::string line =
      counted(progress.texts, "text") + ": " + std::to_string(progress.done) + " done";
  if (progress.kept > 0) line += ", " + std::to_string(progress.kept) + " there already";
  if (progress.failed > 0) line += ", " + std::to_string(progress.failed) + " failed";
  const std::int64_t left = progress.texts - progress.done - progress.kept - progress.failed;
  if (left > 0) line += ", " + std::to_string(left) + " left";
  const std::int64_t n = progress.done + progress.failed;
  line += "; " + duration(seconds);
  if (n > 0) line += ", " + seconds_of(seconds / double(n)) + " a text";
  spdlog::info("{}", line);
  if (!result.slowest.empty() && n > 1) {
    std::string slowest = "slowest:";
    for (const BatchTime& time : result.slowest) {
      slowest += " " + time.name + " (" + counted(time.tokens, "token") + ") " +
                 seconds_of(time.seconds) + (&time == &result.slowest.back() ? "" : ",");
    }
    spdlog::info("{}", wrapped(slowest, 70, 2));
  }
  if (result.n_cut > 0) {
    spdlog::warn("{} cut (--max-tokens)",
                 counted(result.n_cut, "text") + (result.n_cut == 1 ? " was" : " were"));
  }
  if (result.n_left_behind > 0) {
    spdlog::warn(
        "{} of an earlier run no longer among the inputs: the files stay, the index has "
        "them no more",
        counted(result.n_left_behind, "text"));
  }
  if (!result.stopped.empty()) {
    spdlog::error("stopped before the end: {}; the same command goes on", result.stopped);
  }
  for (const auto& file : result.files) std::cout << printed(file) << '\n';
}

}  // namespace attnviz::command
