#include <algorithm>
#include <map>

#include "attnviz/heads.h"
#include "wording.h"

namespace attnviz {
namespace {

using Heads = std::vector<const HeadFindings*>;

template <typename Condition>
Heads select(const HeadReport& report, Condition condition) {
  Heads found;
  for (const HeadFindings& head : report.heads) {
    if (condition(head)) found.push_back(&head);
  }
  return found;
}

bool has_label(const HeadFindings& head, LabelKind kind) {
  return std::any_of(head.labels.begin(), head.labels.end(),
                     [kind](const HeadLabel& label) { return label.kind == kind; });
}

Heads flagged(const HeadReport& report, FlagKind kind) {
  return select(report, [kind](const HeadFindings& head) {
    return std::any_of(head.flags.begin(), head.flags.end(),
                       [kind](const HeadFlag& flag) { return flag.kind == kind; });
  });
}

/// "L0H1, L2H3 and 4 more"
std::string names(const Heads& heads, std::size_t most = 8) {
  std::string text;
  for (std::size_t i = 0; i < std::min(heads.size(), most); ++i) {
    text += (i > 0 ? ", " : "") + to_string(heads[i]->id);
  }
  if (heads.size() > most) text += " and " + std::to_string(heads.size() - most) + " more";
  return text;
}

/// "3 of 48 heads (L0H1, L2H3)"
std::string some_of(const Heads& heads, const HeadReport& report) {
  return std::to_string(heads.size()) + " of " +
         counted(static_cast<std::int64_t>(report.heads.size()), "head") +
         (heads.empty() ? "" : " (" + names(heads) + ")");
}

std::string structure(const HeadReport& report) {
  const bool nothing_seen = report.too_short && report.n_probes == 0;
  if (nothing_seen) return "The texts are too short to tell.";
  std::map<LabelKind, int> kinds;
  const Heads structured = select(report, [&](const HeadFindings& head) {
    if (head.labels.empty()) return false;
    const LabelKind kind = head.labels.front().kind;
    if (kind == LabelKind::uniform || kind == LabelKind::broad ||
        kind == LabelKind::content_dependent) {
      return false;
    }
    ++kinds[kind];
    return true;
  });
  const auto with = [&report](LabelKind kind) {
    return select(report, [kind](const HeadFindings& head) { return has_label(head, kind); })
        .size();
  };
  std::string text = std::to_string(structured.size()) + " of " +
                     counted(static_cast<std::int64_t>(report.heads.size()), "head") +
                     " attend by position or repetition";
  std::string separator = ": ";
  for (const auto& [kind, n] : kinds) {
    text += separator + std::to_string(n) + " " + std::string(to_string(kind));
    separator = ", ";
  }
  return text + ". " + std::to_string(with(LabelKind::content_dependent)) +
         " vary with the text for no reason found, as heads of an untrained model may, too. " +
         std::to_string(with(LabelKind::uniform)) +
         " attend almost evenly. Whether the model predicts well is for its loss to say.";
}

std::string dead(const HeadReport& report) {
  const Heads measured = select(report, [](const HeadFindings& head) {
    return head.measures.output_ratio && head.measures.loss_change_upper;
  });
  if (measured.empty()) {
    const Heads parked = flagged(report, FlagKind::parked);
    return "Not measured: whether a head is dead shows in its output and in the loss without it, "
           "not in its pattern. Parked on the first token: " +
           some_of(parked, report) + "; common in trained models, not a fault.";
  }
  const Heads heads = flagged(report, FlagKind::dead);
  std::string text =
      "Dead on these texts, with a small output and no measurable effect when "
      "removed: " +
      some_of(heads, report) + ".";
  text += " No measurable effect alone: " + some_of(flagged(report, FlagKind::no_effect), report) +
          ". Low output alone: " + some_of(flagged(report, FlagKind::low_output), report) + ".";
  if (measured.size() < report.heads.size()) {
    text += " Measured: " + counted(static_cast<std::int64_t>(measured.size()), "head") + ".";
  }
  return text;
}

/// Mean of a score over the heads of a layer that have it.
std::optional<double> of_layer(const HeadReport& report, std::int64_t layer, Score score) {
  double sum = 0;
  int n = 0;
  for (const HeadFindings& head : report.heads) {
    if (head.id.layer != layer || !head[score]) continue;
    sum += head[score]->mean;
    ++n;
  }
  return n == 0 ? std::nullopt : std::optional(sum / n);
}

bool has_heads(const HeadReport& report, std::int64_t layer) {
  return std::any_of(report.heads.begin(), report.heads.end(),
                     [layer](const HeadFindings& head) { return head.id.layer == layer; });
}

std::string depth(const HeadReport& report) {
  if (report.n_layers < 2) return "There is only one layer.";
  const std::pair<Score, const char*> kScoresOfDepth[] = {
      {Score::normalised_entropy, "entropy over the largest possible"},
      {Score::first_token, "attention to the first token"},
      {Score::previous_token, "attention to the token before"},
      {Score::mean_distance_without_first, "tokens back, the first token left out"}};
  std::string text;
  for (const auto& [score, what] : kScoresOfDepth) {
    std::string line;
    for (std::int64_t layer = 0; layer < report.n_layers; ++layer) {
      const auto mean = of_layer(report, layer, score);
      const std::string none = has_heads(report, layer) ? "none" : "no heads";
      line += (layer > 0 ? ", " : "") + (mean ? decimals(*mean) : none);
    }
    text += (text.empty() ? "Means over the heads of a layer, from layer 0 on. " : " ");
    text += std::string(what) + ": " + line + ".";
  }
  return text;
}

/// Farther back than even attention would look, the first token left out.
bool is_long_range(const HeadFindings& head) {
  const auto& distance = head[Score::mean_distance_without_first];
  return distance && distance->chance && distance->lower() > *distance->chance;
}

std::string range(const HeadReport& report) {
  const Heads far = select(report, is_long_range);
  const Heads found =
      select(report, [](const HeadFindings& h) { return has_label(h, LabelKind::induction); });
  std::string text = "Looking farther back than even attention would, the first token left out: " +
                     some_of(far, report) +
                     ". Matching the induction pattern: " + some_of(found, report) + ".";
  if (report.n_probes > 0) {
    return text + " On " + counted(report.n_probes, "sequence") +
           " of repeated random tokens; that such a head copies what it finds is not shown.";
  }
  return text + " Only on repeats in these texts, since no repeated random tokens were tried.";
}

std::string dominant(const HeadReport& report) {
  const auto largest = [](Heads heads, auto value) {
    std::stable_sort(heads.begin(), heads.end(),
                     [&](const auto* a, const auto* b) { return value(*a) > value(*b); });
    if (heads.size() > 3) heads.resize(3);
    std::string text;
    for (const HeadFindings* head : heads) {
      text +=
          (text.empty() ? "" : ", ") + to_string(head->id) + " (" + decimals(value(*head)) + ")";
    }
    return text;
  };
  const Heads removed =
      select(report, [](const HeadFindings& h) { return h.measures.loss_change.has_value(); });
  if (!removed.empty()) {
    return "Removing these raised the loss most, in nats: " +
           largest(removed, [](const HeadFindings& h) { return *h.measures.loss_change; }) +
           ". Heads stand in for each other, so the effects do not add up.";
  }
  const Heads scored = select(
      report, [](const HeadFindings& h) { return h[Score::distance_to_uniform].has_value(); });
  if (scored.empty()) return "The texts are too short to tell.";
  return "Not measured: only removing heads shows on which the output depends. Farthest from even "
         "attention (1 at most): " +
         largest(scored,
                 [](const HeadFindings& h) { return h[Score::distance_to_uniform]->mean; }) +
         "; that is attention, not influence.";
}

}  // namespace

std::vector<Answer> summary(const HeadReport& report) {
  return {{"Does the model learn structure?", structure(report)},
          {"Are heads dead?", dead(report)},
          {"How does attention change with depth?", depth(report)},
          {"Are there long-range and induction heads?", range(report)},
          {"Which heads dominated these texts?", dominant(report)}};
}

}  // namespace attnviz
