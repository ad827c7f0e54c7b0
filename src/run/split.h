#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

#include "attnviz/text.h"

namespace attnviz {

/// Texts to learn or decide from, and others to measure on.
struct Split {
  std::vector<TokenIds> used, held_out;
};

/// The last share of each file is held out. Throws UsageError where a file has fewer than
/// `shortest` tokens left, naming it, or where two tokens are held out of none; and what
/// reading and tokenizing throw.
[[nodiscard]] Split read_split(const std::vector<std::filesystem::path>& files, double held_out,
                               std::int64_t shortest, const Tokenizer& tokenizer);

/// Every second one of example_texts() is held out.
[[nodiscard]] Split example_split(const Tokenizer& tokenizer);

/// Consecutive windows of up to `length` tokens, two at least; of more than `at_most` windows as
/// many, evenly spread.
[[nodiscard]] std::vector<TokenIds> windows_of(const std::vector<TokenIds>& texts,
                                               std::int64_t length, std::int64_t at_most);

}  // namespace attnviz
