#include "run/snapshot_judge.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <iterator>

#include "attention/wording.h"
#include "attnviz/change_figure.h"
#include "attnviz/error.h"
#include "attnviz/page.h"
#include "run/output.h"
#include "run/snapshot_maker.h"

namespace attnviz {
namespace {

std::string quoted(const std::vector<std::string>& tokens, std::size_t i) {
  return i < tokens.size() ? "`" + tokens[i] + "`" : "the end";
}

std::string other_tokens(const Snapshot& before, const Snapshot& now, std::size_t first) {
  std::string text = "other tokens: ";
  if (before.text != printable(now.text)) text = "the text itself is another: ";
  const std::size_t was = before.record.ids.size(), is = now.record.ids.size();
  text += was == is ? counted(std::int64_t(is), "token")
                    : std::to_string(was) + " -> " + counted(std::int64_t(is), "token");
  text += "; the first other one is token " + std::to_string(first) + ", " +
          quoted(before.tokens, first) + " -> " + quoted(now.tokens, first);
  return text;
}

std::vector<std::int64_t> n_heads_of(const AttentionPatterns& patterns) {
  std::vector<std::int64_t> n_heads;
  for (const at::Tensor& layer : patterns.layers) n_heads.push_back(layer.size(0));
  return n_heads;
}

std::string heads_of(const Snapshot& snapshot) {
  return layers_and_heads(n_heads_of(snapshot.record.patterns));
}

double largest_of(const AttentionChanges& changes) {
  double largest = 0;
  for (const HeadChange& head : changes.heads) largest = std::max(largest, head.largest);
  return largest;
}

std::string same_message(const TextResult& result) {
  const double largest = largest_of(result.changes);
  return counted(result.n_tokens, "token") + ", " +
         counted(std::int64_t(result.changes.heads.size()), "head") + ", " +
         (largest == 0 ? "no difference" : "weights by up to " + short_number(largest));
}

std::string changed_message(const TextResult& result) {
  const AttentionChanges& changes = result.changes;
  std::string text;
  const auto add = [&text](const std::string& part) {
    if (!part.empty()) text += (text.empty() ? "" : "; ") + part;
  };
  if (!changes.gone.empty()) {
    add("gone: " + counted(std::int64_t(changes.gone.size()), "head") + ", " +
        to_string(changes.gone));
  }
  if (!changes.added.empty()) {
    add("new: " + counted(std::int64_t(changes.added.size()), "head") + ", " +
        to_string(changes.added));
  }
  if (!result.most_changed.empty()) {
    add(std::to_string(result.most_changed.size()) + " of " +
        counted(std::int64_t(changes.heads.size()), "head") + " changed, " +
        where_it_began(changes));
  }
  return text;
}

/// [query, key] of a head that the record has, and that was counted there.
at::Tensor pattern_of(const AttentionPatterns& patterns, HeadId id) {
  const auto index = head_index(n_heads_of(patterns), patterns.kept, id);
  return patterns.layers[std::size_t(id.layer)][*index].contiguous();
}

std::string draw_changed_heads(const TextResult& result, const Snapshot& before,
                               const Snapshot& now, std::size_t n_heads, int dpi) {
  const std::int64_t n =
      std::min(before.record.patterns.n_positions(), now.record.patterns.n_positions());
  const AttentionPatterns was = condense(before.record.patterns, n),
                          is = condense(now.record.patterns, n);
  std::vector<ChangedPattern> heads;
  for (const HeadChange& head : result.most_changed) {
    if (heads.size() == n_heads) break;
    heads.push_back({head.id, pattern_of(was, head.id), pattern_of(is, head.id), what_moved(head)});
  }
  std::vector<Label> labels;
  for (const std::string& token : now.tokens) labels.push_back({{token, false}});
  ChangeFigureOptions options;
  options.causal = was.causal && is.causal;
  options.n_tokens = n == result.n_tokens ? 0 : result.n_tokens;
  options.dpi = dpi;
  const Drawing drawing = layout_changes(heads, labels, now.text, options);
  const std::vector<std::pair<std::string, std::string>> texts = {
      {"Software", "attnviz " + version()}, {"attnviz:text", printable(now.text)}};
  return encode_png(drawing, dpi, texts);
}

/// All heads before and after, condensed where they were recorded so.
std::string page_of_both(const Snapshot& before, const Snapshot& now) {
  const std::int64_t n =
      std::min(before.record.patterns.n_positions(), now.record.patterns.n_positions());
  const AttentionPatterns was = condense(before.record.patterns, n),
                          is = condense(now.record.patterns, n);
  Page page;
  page.title = printable(now.text);
  const auto model_of = [](const Snapshot& snapshot) {
    const auto found = snapshot.facts.find("attnviz:model");
    return printable(found == snapshot.facts.end() ? "" : found->second);
  };
  page.model =
      model_of(before) == model_of(now) ? model_of(now) : model_of(before) + " → " + model_of(now);
  page.software = "attnviz " + version();
  std::vector<Label> labels;
  const auto n_tokens = std::int64_t(now.tokens.size());
  for (std::int64_t i = 0; i < n; ++i) {
    labels.push_back({{now.tokens[std::size_t(i * n_tokens / n)], false}});
    page.key_words.push_back(n == n_tokens ? "" : "…");
  }
  if (n != n_tokens) {
    page.notes = {std::to_string(n_tokens) + " tokens in " + std::to_string(n) +
                  " blocks, as they were recorded; each is named by its first token"};
  }
  page.queries = page.keys = labels;
  page.query_words = page.key_words;
  page.sets = {{"before", &was}, {"after", &is}};
  return encode_page(page);
}

}  // namespace

Tolerance tolerance_of(HeadId head, std::initializer_list<const ToleranceRules*> rules,
                       const Tolerance& otherwise) {
  Tolerance tolerance = otherwise;
  const auto take = [&](const ToleranceRule& rule) {
    tolerance.pattern = rule.pattern.value_or(tolerance.pattern);
    tolerance.divergence = rule.divergence.value_or(tolerance.divergence);
    tolerance.score = rule.score.value_or(tolerance.score);
  };
  // The last one taken holds, so the nearest comes last.
  for (auto one = std::rbegin(rules); one != std::rend(rules); ++one) {
    take((*one)->all);
    if (const auto found = (*one)->heads.find(head); found != (*one)->heads.end()) {
      take(found->second);
    }
  }
  return tolerance;
}

TextResult judge(const std::string& name, const Snapshot& before, const Snapshot& now,
                 const std::function<Tolerance(HeadId, const Tolerance&)>& tolerance_of) {
  TextResult result;
  result.name = name;
  result.n_tokens = std::int64_t(now.record.ids.size());
  result.facts = changed_facts(before, now);
  const Tolerance otherwise = are_float64(before, now) ? float64_tolerance : float32_tolerance;
  result.changes = compare_attention(
      before.record, now.record, [&](HeadId id) { return tolerance_of(id, otherwise); }, otherwise);
  result.most_changed = most_changed(result.changes);
  result.verdict = result.changes.is_changed() ? Verdict::changed : Verdict::same;
  if (result.changes.first_other_token) {
    result.message = other_tokens(before, now, *result.changes.first_other_token);
  } else if (result.changes.is_other_architecture) {
    result.message = "another architecture: " + heads_of(before) + " -> " + heads_of(now);
  } else {
    result.message =
        result.verdict == Verdict::same ? same_message(result) : changed_message(result);
  }
  return result;
}

void add_picture(TextResult& result, const Snapshot& before, const Snapshot& now,
                 std::size_t n_heads, int dpi) {
  if (result.most_changed.empty()) return;
  try {
    result.picture = draw_changed_heads(result, before, now, n_heads, dpi);
    result.page = page_of_both(before, now);
  } catch (const FigureError& error) {
    result.message += std::string("; no picture: ") + error.what();
  }
}

}  // namespace attnviz
