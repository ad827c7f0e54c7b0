#pragma once

#include <filesystem>

#include "command.h"

namespace attnviz::command {

/// Throws FileError where a file of the report cannot be written: before the work, not after it.
void check_report_files(const ReportArguments& arguments);

/// Writes the pictures and files, prints a line a text and the heads that moved most (or the JSON)
/// on standard output, and, where GitHub runs it, annotations. suite: its file; empty: none.
void give_report(SnapshotReport& report, const ReportArguments& arguments,
                 const std::filesystem::path& suite = {});

}  // namespace attnviz::command
