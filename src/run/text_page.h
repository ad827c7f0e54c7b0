#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "attnviz/heads.h"
#include "attnviz/page.h"
#include "attnviz/run.h"
#include "run/one_text.h"

namespace attnviz {

/// What a page says of each head: labels, flags, their sentences, and the scores that are shares.
[[nodiscard]] std::vector<PageHead> page_heads(const HeadReport& report);

/// The same of a file that `attnviz heads --json` wrote. Throws FileError, and ModelError where it
/// is something else.
[[nodiscard]] PageFindings read_page_findings(const std::filesystem::path& file);

/// The page of one text, in the view that the options ask for: a focus is each head's own.
[[nodiscard]] std::string page_of(const Attended& attended, const View& view,
                                  const ShowOptions& options, const Source& source,
                                  PageFindings findings);

}  // namespace attnviz
