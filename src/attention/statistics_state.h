#pragma once

#include <array>
#include <vector>

#include "attnviz/head_statistics.h"
#include "collection.h"

namespace attnviz {

struct HeadStatistics::State {
  StatisticsOptions options;
  KeptHeads heads;  ///< spelled out; empty where nothing was added
  Collection texts, short_texts;
  std::vector<std::array<Samples, kScores>> probes;  ///< per head; empty where there are none
  std::int64_t n_probes = 0;

  /// Throws ShapeError where they do not fit what came before.
  void check(const AttentionPatterns& patterns);
};

/// visit(name, that option of each) for the options that sums depend on, not those of report().
template <typename Visit, typename... All>
void visit_options(Visit&& visit, All&... all) {
  visit("min_tokens", all.min_tokens...);
  visit("divergence_rows", all.divergence_rows...);
  visit("last_keys", all.scores.last_keys...);
  visit("max_offset", all.scores.max_offset...);
  visit("naive_entropy", all.scores.naive_entropy...);
  visit("detect_head", all.scores.detect_head...);
  visit("exclude_bos", all.scores.detect.exclude_bos...);
  visit("exclude_current_token", all.scores.detect.exclude_current_token...);
}

}  // namespace attnviz
