#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "attnviz/heads.h"
#include "attnviz/page.h"
#include "attnviz/run.h"

namespace attnviz {

/// The text of each token; empty where it is no whole character of its own.
[[nodiscard]] std::vector<std::string> words_of(const Tokenizer& tokenizer, const TokenIds& ids);

/// What a page says of each head: labels, flags, their sentences, and the scores that are shares.
[[nodiscard]] std::vector<PageHead> page_heads(const HeadReport& report);

/// The same of a file that `attnviz heads --json` wrote. Throws FileError, and ModelError where it
/// is something else.
[[nodiscard]] PageFindings read_page_findings(const std::filesystem::path& file);

/// The page of one text.
[[nodiscard]] std::string page_of(const Shown& shown, const AttentionPatterns& patterns,
                                  const Tokenizer& tokenizer, const std::filesystem::path& model,
                                  PageFindings findings);

}  // namespace attnviz
