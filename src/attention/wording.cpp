#include "wording.h"

#include <charconv>
#include <cmath>
#include <iterator>

#include "attnviz/heads.h"

namespace attnviz {
namespace {

/// What the head does, to follow its name.
std::string seen(const HeadLabel& label) {
  const bool probed = label.evidence == Evidence::probe;
  const std::string where = probed ? " on repeated random tokens" : " on these texts";
  switch (label.kind) {
    case LabelKind::previous_token:
      return "attends to the token before" + where;
    case LabelKind::current_token:
      return "attends to the token itself" + where;
    case LabelKind::first_token:
      return "attends to the first token (attention sink)" + where;
    case LabelKind::fixed_offset:
      if (!label.offset) return "attends a fixed distance back, repeated or not," + where;
      return "attends " + std::to_string(*label.offset) + " tokens back" + where;
    case LabelKind::duplicate_token:
      return "attends to earlier occurrences of the token" + where;
    case LabelKind::induction:
      return "matches the induction pattern" + where;
    case LabelKind::local:
      return "attends to the last few tokens" + where;
    case LabelKind::broad:
      return "attends broadly" + where;
    case LabelKind::uniform:
      return "attends almost evenly to all earlier tokens" + where;
    case LabelKind::content_dependent:
      return "is content-dependent: what it attends to varies with the text, and neither position "
             "nor repetition explains it; cause not established";
  }
  return {};
}

std::string number_of(const HeadLabel& label) {
  const std::string value = decimals(label.score.mean);
  if (label.kind == LabelKind::broad || label.kind == LabelKind::uniform) {
    return "entropy " + value + " of the largest";
  }
  return (label.kind == LabelKind::content_dependent ? "variation " : "") + value;
}

std::string_view basis(Evidence evidence) {
  switch (evidence) {
    case Evidence::pattern:
    case Evidence::probe:
      return "attention only";
    case Evidence::weights:
      return "from its weights";
    case Evidence::ablation:
      return "by removing it";
  }
  return {};
}

std::string on_texts(std::int64_t n) {
  return " on " + counted(n, "text");
}

/// The offset of a single_offset flag, in words.
std::string back(std::int64_t offset) {
  if (offset == 0) return "on the token itself";
  return offset == 1 ? "on the token before" : std::to_string(offset) + " tokens back";
}

std::string loss_change(const HeadMeasures& measures) {
  const double change = measures.loss_change.value_or(0);
  return "removing it changed loss by " + std::string(change < 0 ? "" : "+") + decimals(change, 3) +
         " nats (upper bound " + decimals(measures.loss_change_upper.value_or(0), 3) + ")" +
         on_texts(measures.n_texts);
}

std::string flagged(const HeadFindings& head, const HeadFlag& flag) {
  const std::string value = decimals(flag.value);
  switch (flag.kind) {
    case FlagKind::uniform:
      return "attends almost evenly to all earlier tokens (entropy " + value + " of the largest" +
             on_texts(flag.n_texts) + ")";
    case FlagKind::sink:
      return "rests on the first token (" + value + " of its attention" + on_texts(flag.n_texts) +
             "); common in trained models, not a fault";
    case FlagKind::parked:
      return "is parked on the first token (" + value + " of its attention" +
             on_texts(flag.n_texts) + "); common in trained models, not a fault";
    case FlagKind::stuck:
      return "attends always to the same absolute position, " + std::to_string(*flag.place) +
             " (at least " + value + " of the later tokens' attention" + on_texts(flag.n_texts) +
             ")";
    case FlagKind::single_offset:
      return "has its largest weight " + back(*flag.place) + " in " +
             decimals(100 * flag.value, 0) + " % of the rows" + on_texts(flag.n_texts) +
             "; not a fault";
    case FlagKind::no_variation:
      return "has a pattern that does not depend on the text (variation " +
             decimals(flag.value, 3) + on_texts(flag.n_texts) + "); not a fault by itself";
    case FlagKind::near_copy:
      return "has a pattern nearly equal to that of " + to_string(*flag.other) +
             " (Jensen-Shannon divergence " + value + " bits" + on_texts(flag.n_texts) +
             "); outputs not compared";
    case FlagKind::low_output:
      return "has a low output (" + value + " of the layer's mean)";
    case FlagKind::no_effect:
      return "has no measurable effect: " + loss_change(head.measures);
    case FlagKind::dead:
      return "is dead on these texts: low output (" + value + " of the layer's mean), and " +
             loss_change(head.measures);
  }
  return {};
}

}  // namespace

// Not by printf, which writes 0,93 where the program around the library has set such a locale.
std::string decimals(double value, int n) {
  char text[400];  // the largest double has 309 digits before its point
  const double half = 0.5 * std::pow(10, -n);
  const double shown = std::abs(value) < half ? 0.0 : value;  // nothing is -0.00
  return {text, std::to_chars(text, std::end(text), shown, std::chars_format::fixed, n).ptr};
}

std::string signed_decimals(double value, int n) {
  const std::string number = decimals(value, n);
  return number.starts_with('-') ? number : "+" + number;
}

std::string short_number(double value) {
  char text[32];
  return {text, std::to_chars(text, std::end(text), value, std::chars_format::general, 2).ptr};
}

std::string counted(std::int64_t n, const std::string& noun) {
  return std::to_string(n) + " " + noun + (n == 1 ? "" : "s");
}

std::string sentence(const HeadFindings& head, const HeadLabel& label) {
  std::string text =
      to_string(head.id) + (label.weak ? " weakly " : " ") + seen(label) + " (" + number_of(label);
  if (label.score.chance && label.score.excess) {
    text += ", chance " + decimals(*label.score.chance);
  }
  if (label.control) text += ", control " + decimals(*label.control);
  if (label.score.ci) {
    text += ", 95 % interval " + decimals(label.score.ci->low) + " to " +
            decimals(label.score.ci->high);
  } else {
    text += ", no interval";
  }
  text += ", threshold " + decimals(label.threshold) + ", " +
          counted(label.score.n_texts, label.evidence == Evidence::probe ? "sequence" : "text");
  return text + "; " + std::string(basis(label.evidence)) + ")";
}

std::string sentence(const HeadFindings& head, const HeadFlag& flag) {
  return to_string(head.id) + " " + flagged(head, flag);
}

std::string_view caveat() {
  return "Attention patterns show where a head reads, not what it writes or whether the output "
         "depends on it. Labels hold for these texts. Causal statements come only from ablation.";
}

std::string_view to_string(LabelKind kind) {
  constexpr std::string_view kNames[] = {
      "previous-token", "current-token", "first-token", "fixed-offset", "duplicate-token",
      "induction",      "local",         "broad",       "uniform",      "content-dependent"};
  return kNames[static_cast<std::size_t>(kind)];
}

char tag(Evidence evidence) {
  return "PSWC"[static_cast<std::size_t>(evidence)];
}

std::string_view to_string(FlagKind kind) {
  constexpr std::string_view kNames[] = {"uniform",       "sink",         "parked",    "stuck",
                                         "single-offset", "no-variation", "near-copy", "low-output",
                                         "no-effect",     "dead"};
  return kNames[static_cast<std::size_t>(kind)];
}

char letter(FlagKind kind) {
  return "UFPSOVCLED"[static_cast<std::size_t>(kind)];
}

std::string_view to_string(FlagLevel level) {
  constexpr std::string_view kNames[] = {"info", "note", "warning", "conclusion"};
  return kNames[static_cast<std::size_t>(level)];
}

}  // namespace attnviz
