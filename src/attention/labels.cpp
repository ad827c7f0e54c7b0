#include "labels.h"

#include <algorithm>
#include <tuple>

namespace attnviz {
namespace {

bool has(const std::vector<HeadLabel>& labels, std::initializer_list<LabelKind> kinds) {
  return std::any_of(labels.begin(), labels.end(), [&](const HeadLabel& label) {
    return std::find(kinds.begin(), kinds.end(), label.kind) != kinds.end();
  });
}

/// A label where the score passes the threshold, or, weakly, the weak one.
std::optional<HeadLabel> passes(LabelKind kind, Evidence evidence,
                                const std::optional<Statistic>& score, double threshold,
                                std::optional<double> weak_threshold = {}) {
  if (!score) return {};
  HeadLabel label{kind, false, evidence, *score, threshold, {}, {}};
  if (score->lower() >= threshold) return label;
  if (!weak_threshold || score->lower() < *weak_threshold) return {};
  label.weak = true;
  label.threshold = *weak_threshold;
  return label;
}

void add(std::vector<HeadLabel>& labels, std::optional<HeadLabel> label) {
  if (label) labels.push_back(*std::move(label));
}

void add_positions(std::vector<HeadLabel>& labels, const HeadFindings& head, const Thresholds& t) {
  const auto seen = Evidence::pattern;
  add(labels, passes(LabelKind::previous_token, seen, head[Score::previous_token], t.previous_token,
                     t.previous_token_weak));
  add(labels, passes(LabelKind::current_token, seen, head[Score::current_token], t.current_token));
  add(labels, passes(LabelKind::first_token, seen, head[Score::first_token], t.first_token));
  if (head.best_offset && head.best_offset->offset >= 2) {  // 0 and 1 have names of their own
    auto label = passes(LabelKind::fixed_offset, seen, head.best_offset->score, t.fixed_offset);
    if (label) label->offset = head.best_offset->offset;
    add(labels, label);
  }
  auto local = passes(LabelKind::local, seen, head[Score::last_keys], t.local);
  if (local && local->score.excess.value_or(0) >= t.local_excess) add(labels, local);
}

/// On the probe: a repeat label needs a control that is low; a head that attends there without
/// repeats too looks at a distance.
void add_probed(std::vector<HeadLabel>& labels, LabelKind kind,
                const std::optional<Statistic>& score, const std::optional<Statistic>& control,
                double threshold, std::optional<double> weak, const Thresholds& t) {
  auto label = passes(kind, Evidence::probe, score, threshold, weak);
  if (!label || !control) return;
  label->control = control->mean;
  if (control->mean > t.control) {
    if (label->weak || has(labels, {LabelKind::fixed_offset})) return;
    label->kind = LabelKind::fixed_offset;
    label->weak = control->lower() < t.fixed_offset;
  }
  labels.push_back(*std::move(label));
}

/// Without a probe, on the texts' own repeats, where no offset explains it.
void add_repeats(std::vector<HeadLabel>& labels, const HeadFindings& head,
                 const HeadReport& report) {
  const Thresholds& t = report.thresholds;
  if (report.n_probes > 0 ||
      has(labels, {LabelKind::previous_token, LabelKind::current_token, LabelKind::fixed_offset})) {
    return;
  }
  const auto seen = Evidence::pattern;
  if (static_cast<double>(report.n_repeats) >= t.repeats) {
    add(labels, passes(LabelKind::duplicate_token, seen, head[Score::duplicate_on_text],
                       t.duplicate_token));
  }
  if (static_cast<double>(report.n_prefixes) >= t.repeats) {
    add(labels, passes(LabelKind::induction, seen, head[Score::induction_on_text], t.induction,
                       t.induction_weak));
  }
}

void add_spread(std::vector<HeadLabel>& labels, const HeadFindings& head, const Thresholds& t) {
  const auto& entropy = head[Score::normalised_entropy];
  if (is_uniform(head, t)) {
    add(labels, passes(LabelKind::uniform, Evidence::pattern, entropy, t.uniform));
  }
  add(labels, passes(LabelKind::broad, Evidence::pattern, entropy, t.broad));
}

/// What varies with the text and is explained by neither position nor repetition.
void add_content(std::vector<HeadLabel>& labels, const HeadFindings& head, const Thresholds& t) {
  if (!head.variation || static_cast<double>(head.variation->n_texts) < t.variation_texts ||
      has(labels, {LabelKind::previous_token, LabelKind::current_token, LabelKind::first_token,
                   LabelKind::fixed_offset, LabelKind::local, LabelKind::uniform,
                   LabelKind::duplicate_token, LabelKind::induction})) {
    return;
  }
  const HeadVariation& found = *head.variation;
  const Statistic v{found.v, {}, found.ci, found.n_texts, {}, {}};
  add(labels, passes(LabelKind::content_dependent, Evidence::pattern, v, t.content_dependent));
}

/// Primary first; see HeadFindings::labels.
void sort(std::vector<HeadLabel>& labels) {
  const bool narrower =
      has(labels, {LabelKind::previous_token, LabelKind::current_token, LabelKind::fixed_offset});
  const auto rank = [narrower](const HeadLabel& label) {
    int group = label.score.excess ? 0 : 3;
    if (label.kind == LabelKind::local && narrower) group = 1;
    if (label.kind == LabelKind::uniform) group = 2;
    return std::tuple(label.weak, group, -label.score.excess.value_or(0), label.kind);
  };
  std::sort(labels.begin(), labels.end(),
            [&](const HeadLabel& a, const HeadLabel& b) { return rank(a) < rank(b); });
}

}  // namespace

bool is_uniform(const HeadFindings& head, const Thresholds& t) {
  const auto& entropy = head[Score::normalised_entropy];
  const auto& distance = head[Score::distance_to_uniform];
  if (!entropy || !distance) return false;
  const double farthest = distance->ci ? distance->ci->high : distance->mean;
  return entropy->lower() >= t.uniform && farthest <= t.uniform_distance;
}

std::vector<HeadLabel> labels_of(const HeadFindings& head, const HeadReport& report) {
  const Thresholds& t = report.thresholds;
  std::vector<HeadLabel> labels;
  if (!report.too_short) add_positions(labels, head, t);
  add_probed(labels, LabelKind::duplicate_token, head[Score::duplicate_token],
             head[Score::duplicate_control], t.duplicate_token, {}, t);
  add_probed(labels, LabelKind::induction, head[Score::induction], head[Score::induction_control],
             t.induction, t.induction_weak, t);
  if (!report.too_short) {
    add_repeats(labels, head, report);
    add_spread(labels, head, t);
  }
  add_content(labels, head, t);
  sort(labels);
  return labels;
}

void label_heads(HeadReport& report) {
  for (HeadFindings& head : report.heads) {
    head.labels = labels_of(head, report);
    head.flags = flags_of(head, report);
  }
}

}  // namespace attnviz
