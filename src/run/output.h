#pragma once

#include <exception>
#include <string>

#include "text/printable.h"

namespace attnviz {

/// What went wrong, in one line: a library's message may go on with a trace of its calls.
[[nodiscard]] std::string message_of(const std::exception& error);

/// Throws UsageError for how no file's name can begin: empty, or with a / or a control character
/// in it.
void check_prefix(const std::string& prefix);

}  // namespace attnviz
