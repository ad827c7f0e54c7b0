#include "figure/head_notes.h"

#include <algorithm>
#include <set>

#include "attention/wording.h"
#include "figure/head_legend.h"
#include "figure/head_style.h"

namespace attnviz {
namespace {

std::string texts_note(const HeadReport& report) {
  std::string note = counted(report.n_texts, "text") + " of " + std::to_string(report.shortest);
  if (report.longest != report.shortest) note += " to " + std::to_string(report.longest);
  note += " tokens";
  if (!report.too_short && report.n_short_texts > 0) {
    note += ", " + std::to_string(report.n_short_texts) + " shorter left out";
  }
  if (report.n_probes == 0) return note + ", no probe.";
  return note + ", " + counted(report.n_probes, "sequence") + " of repeated random tokens.";
}

std::string interval_note(const HeadReport& report) {
  if (report.too_short) {
    return "All texts are too short: no labels or flags from the patterns on them.";
  }
  if (report.n_texts == 1) return "One text has no interval: its score alone passed the threshold.";
  return "Labels need the lower end of the 95 % interval above their threshold.";
}

bool is_primary_somewhere(const HeadReport& report, std::initializer_list<LabelKind> kinds) {
  return std::any_of(report.heads.begin(), report.heads.end(), [&](const auto& head) {
    return !head.labels.empty() &&
           std::find(kinds.begin(), kinds.end(), head.labels.front().kind) != kinds.end();
  });
}

// Most scores are a share of attention; these are not.
std::string numbers_note(const HeadReport& report) {
  std::string note = "Numbers are shares of attention";
  if (is_primary_somewhere(report, {LabelKind::broad, LabelKind::uniform})) {
    note += ", of broad and uniform heads normalised entropy";
  }
  if (is_primary_somewhere(report, {LabelKind::content_dependent})) {
    note += ", of content-dependent heads variation over texts";
  }
  return note + ".";
}

std::string weak_note(const HeadReport& report) {
  const bool is_any = std::any_of(report.heads.begin(), report.heads.end(), [](const auto& head) {
    return !head.labels.empty() && head.labels.front().weak;
  });
  return is_any ? "Paler cells pass only a lower, weak threshold." : "";
}

std::string flags_note(const HeadReport& report, bool has_letters) {
  std::vector<HeadFlag> flags;
  for (const auto& head : report.heads) {
    flags.insert(flags.end(), head.flags.begin(), head.flags.end());
  }
  if (flags.empty()) return "";
  if (!has_letters)
    return "Flags have no room in cells; corners are black for a measured effect, else red for a "
           "warning.";
  std::string note;
  std::set<std::string_view> told;
  for (const HeadFlag& one : by_gravity(flags)) {
    const auto meaning = look_of(one.level).meaning;
    if (told.insert(meaning).second) note += (note.empty() ? "" : ", ") + std::string(meaning);
  }
  return "Flags are " + note + ".";
}

}  // namespace

std::string short_caveat() {
  return "Patterns show where a head reads, not whether the model needs it.";
}

std::vector<std::string> summary_notes(const HeadReport& report, const CellPlan& cells) {
  return {texts_note(report),
          interval_note(report),
          cells.value > 0 ? numbers_note(report) : "",
          weak_note(report),
          flags_note(report, cells.flag > 0),
          short_caveat()};
}

}  // namespace attnviz
