#pragma once

#include <string>

#include "attnviz/survey.h"
#include "head_table.h"

namespace attnviz::command {

/// For a person, on standard output: what was looked at, the table, with `explain` a sentence for
/// each label and flag in it, findings, and answers to what people ask.
void print_report(const Survey& survey, const TableOptions& options, bool explain);

/// What has changed since `older`, a survey's JSON, that is called `name`. Throws ModelError, with
/// that name, where the two cannot be compared.
void print_changes(const Survey& survey, const std::string& older, const std::string& name);

}  // namespace attnviz::command
