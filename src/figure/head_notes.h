#pragma once

#include <string>
#include <vector>

#include "attnviz/heads.h"

namespace attnviz {

/// What a reader has to know of a report's labels and flags, in sentences; some may be empty. The
/// last says what patterns cannot. has_letters: flags are shown as letters, not as corners.
[[nodiscard]] std::vector<std::string> summary_notes(const HeadReport& report, bool has_letters);

/// Short for caveat().
[[nodiscard]] std::string short_caveat();

}  // namespace attnviz
