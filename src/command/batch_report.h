#pragma once

#include "attnviz/batch.h"

namespace attnviz::command {

/// What was done and what was not, on standard error; the files of all texts on standard output.
void report_batch(const BatchResult& result, double seconds);

/// The texts that failed, on standard error.
void report_failures(const BatchResult& result);

}  // namespace attnviz::command
