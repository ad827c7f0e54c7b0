#include "attnviz/relations.h"

#include <ATen/ATen.h>

#include <algorithm>

#include "attnviz/error.h"
#include "causal.h"
#include "kept_heads.h"
#include "relation_baseline.h"
#include "wording.h"

namespace attnviz {
namespace {

constexpr std::int64_t kFewestItems = 50;
constexpr double kMargin = 0.10;  // as Voita et al. 2019

void check_item(const RelationItem& item) {
  const auto n_tokens = static_cast<std::int64_t>(item.ids.size());
  std::int64_t end = 0;
  bool in_order = true;
  for (const TokenRange& word : item.words) {
    in_order = in_order && word.first == end && word.end > word.first;
    end = word.end;
  }
  if (!in_order || end != n_tokens || item.query >= item.words.size() || item.target < 1 ||
      item.target >= item.query) {
    throw UsageError("the words of '" + item.text + "' are not in order");
  }
}

/// [head, key] float64: from the query word, the mean over its tokens.
at::Tensor from_query(const at::Tensor& layer, const RelationItem& item) {
  const TokenRange& query = item.words[item.query];
  return layer.narrow(1, query.first, query.end - query.first)
      .to(at::kCPU, at::kDouble)
      .mean(1)
      .contiguous();
}

double share(std::int64_t part, std::int64_t n) {
  return static_cast<double>(part) / static_cast<double>(n);
}

}  // namespace

void RelationStatistics::add(const AttentionPatterns& patterns, const RelationItem& item) {
  check_item(item);
  require_causal(patterns);
  KeptHeads heads = same_heads(patterns, heads_);
  const auto n_tokens = static_cast<std::int64_t>(item.ids.size());
  if (patterns.n_positions() != n_tokens) {
    throw ShapeError("a pattern of " + std::to_string(patterns.n_positions()) +
                     " positions is not that of an item of " + counted(n_tokens, "token"));
  }
  heads_ = std::move(heads);
  Counts& counts = counts_[static_cast<std::size_t>(item.relation)];
  counts.hits.resize(ids_of(heads_).size());
  ++counts.n;
  for (const FixedHead& head : fixed_heads_on_target(item)) ++counts.fixed[head];
  std::size_t place = 0;
  for (const at::Tensor& layer : patterns.layers) {
    const at::Tensor attention = from_query(layer, item);
    for (std::int64_t head = 0; head < layer.size(0); ++head, ++place) {
      const std::span row(attention.data_ptr<double>() + head * attention.size(1), item.ids.size());
      if (most_attended_word(row, item) == item.target) ++counts.hits[place];
    }
  }
}

/// All but whether it passes.
RelationFinding RelationStatistics::finding(std::size_t relation, std::size_t head) const {
  const Counts& counts = counts_[relation];
  RelationFinding found;
  found.relation = static_cast<Relation>(relation);
  found.n = counts.n;
  found.hits = counts.hits[head];
  found.accuracy = share(found.hits, found.n);
  for (const auto& [fixed, hits] : counts.fixed) {
    double& best = is_offset(fixed) ? found.best_offset : found.best_position;
    best = std::max(best, share(hits, found.n));
  }
  found.lower = wilson_lower(found.hits, found.n);
  found.p_value = binomial_tail(found.hits, found.n, found.baseline());
  return found;
}

std::vector<HeadRelations> RelationStatistics::findings() const {
  std::vector<HeadRelations> heads;
  std::vector<double> p_values;
  for (const HeadId id : ids_of(heads_)) {
    HeadRelations of_head{id, {}};
    for (std::size_t relation = 0; relation < kRelations; ++relation) {
      if (counts_[relation].n == 0) continue;
      of_head.relations.push_back(finding(relation, heads.size()));
      p_values.push_back(of_head.relations.back().p_value);
    }
    heads.push_back(std::move(of_head));
  }
  const std::vector<bool> rejected = benjamini_hochberg(p_values);
  std::size_t place = 0;
  for (HeadRelations& head : heads) {
    for (RelationFinding& found : head.relations) {
      constexpr double kRounding = 1e-9;  // 0.38 - 0.28 is not quite 0.10
      found.passes = rejected[place++] && found.n >= kFewestItems &&
                     found.lower > found.baseline() &&
                     found.accuracy - found.baseline() >= kMargin - kRounding;
    }
  }
  return heads;
}

std::string sentence(HeadId head, const RelationFinding& finding) {
  static constexpr std::string_view kTargets[] = {"a noun's determiner", "a verb's subject",
                                                  "an object's verb", "a pronoun's antecedent"};
  const auto percent = [](double part) { return decimals(100 * part, 0) + " %"; };
  const bool by_offset = finding.best_offset >= finding.best_position;
  return to_string(head) + " attends to " +
         std::string(kTargets[static_cast<std::size_t>(finding.relation)]) + " in " +
         percent(finding.accuracy) + " of " + std::to_string(finding.n) +
         " template items (best fixed " + (by_offset ? "offset " : "position ") +
         percent(finding.baseline()) + ", 95 % interval from " + percent(finding.lower) +
         "; synthetic sentences, attention only)";
}

std::string_view to_string(Relation relation) {
  static constexpr std::string_view kNames[] = {"determiner", "subject", "object", "pronoun"};
  return kNames[static_cast<std::size_t>(relation)];
}

}  // namespace attnviz
