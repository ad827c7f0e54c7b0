#pragma once

#include <CLI/CLI.hpp>
#include <filesystem>
#include <string>

#include "attnviz/snapshot.h"

namespace attnviz::cli {

/// Exit statuses of what compares: 1 says that something changed, and nothing else.
enum ComparisonStatus { kChanged = 1, kNotDone = 2, kMissing = 3 };

/// Where the report goes.
struct ReportArguments {
  std::filesystem::path out_dir = ".", junit, html;
  bool json = false;
  std::size_t n_heads = 6;
  int dpi = 150;
};

/// --json, --junit, --html, --out-dir, --heads and --dpi.
void add_report_options(CLI::App& app, ReportArguments& arguments);

/// Throws FileError where a file of the report cannot be written: before the work, not after it.
void check_report_files(const ReportArguments& arguments);

/// Writes the pictures and files, prints a line a text and the heads that moved most (or the JSON)
/// on standard output, and, where GitHub runs it, annotations. suite: its file; empty: none.
void give_report(SnapshotReport& report, const ReportArguments& arguments,
                 const std::filesystem::path& suite = {});

}  // namespace attnviz::cli
