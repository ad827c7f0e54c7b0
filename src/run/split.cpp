#include "run/split.h"

#include <algorithm>

#include "attnviz/error.h"
#include "attnviz/file.h"
#include "attnviz/survey.h"

namespace attnviz {

Split read_split(const std::vector<std::filesystem::path>& files, double held_out,
                 std::int64_t shortest, const Tokenizer& tokenizer) {
  if (held_out <= 0 || held_out >= 1) {
    throw UsageError("the held-out share must lie between 0 and 1");
  }
  Split split;
  std::size_t longest_held_out = 0;
  for (const auto& path : files) {
    const TokenIds ids = tokenizer.encode(read_file(path));
    const auto cut = ids.begin() + std::int64_t(double(ids.size()) * (1 - held_out));
    if (cut - ids.begin() < shortest) {
      throw UsageError(path.string() + " has " + std::to_string(cut - ids.begin()) +
                       " tokens that are not held out, less than one window of " +
                       std::to_string(shortest) + "; use a smaller --context");
    }
    split.used.emplace_back(ids.begin(), cut);
    split.held_out.emplace_back(cut, ids.end());
    longest_held_out = std::max(longest_held_out, split.held_out.back().size());
  }
  if (longest_held_out < 2) throw UsageError("the texts are too short to hold some of them out");
  return split;
}

Split example_split(const Tokenizer& tokenizer) {
  Split split;
  for (const SurveyText& example : example_texts()) {
    auto& part = split.used.size() == split.held_out.size() ? split.used : split.held_out;
    part.push_back(tokenizer.encode(example.text));
  }
  return split;
}

std::vector<TokenIds> windows_of(const std::vector<TokenIds>& texts, std::int64_t length,
                                 std::int64_t at_most) {
  std::vector<TokenIds> all;
  for (const TokenIds& text : texts) {
    const auto n = std::int64_t(text.size());
    for (std::int64_t start = 0; n - start >= 2; start += length) {
      const auto first = text.begin() + start;
      all.emplace_back(first, first + std::min(length, n - start));
    }
  }
  const auto n = std::int64_t(all.size());
  if (n <= at_most) return all;
  std::vector<TokenIds> spread;
  for (std::int64_t i = 0; i < at_most; ++i) spread.push_back(all[std::size_t(i * n / at_most)]);
  return spread;
}

}  // namespace attnviz
