#pragma once

#include <ios>
#include <sstream>
#include <string>

#include "attnviz/heads.h"

namespace attnviz {

inline void write_exactly(std::ostream& out, const Statistic& s) {
  out << s.mean << ' ' << s.sd.value_or(-1) << ' ' << (s.ci ? s.ci->low : -1) << ' '
      << (s.ci ? s.ci->high : -1) << ' ' << s.n_texts << ' ' << s.chance.value_or(-1) << ' '
      << s.excess.value_or(-9) << '\n';
}

inline void write_exactly(std::ostream& out, const HeadFindings& head) {
  out << to_string(head.id) << ' ' << head.rows_without_first << '\n';
  for (const ScoreInfo& info : score_table()) {
    if (!head[info.score]) continue;
    out << info.name << ' ';
    write_exactly(out, *head[info.score]);
  }
  if (head.best_offset) {
    out << "offset " << head.best_offset->offset << ' ';
    write_exactly(out, head.best_offset->score);
  }
  if (const auto& hit = head.best_hit) {
    out << "hit " << hit->offset << ' ' << hit->share << ' ' << hit->weight << ' ' << hit->n_texts
        << '\n';
  }
  if (const auto& found = head.position) {
    out << "position " << found->position << ' ' << found->least_share << ' ' << found->n_texts
        << '\n';
  }
  if (const auto& nearest = head.nearest) {
    out << "nearest " << to_string(nearest->head) << ' ' << nearest->bits << ' '
        << nearest->bits_without_first.value_or(-1) << ' ' << nearest->n_texts << '\n';
  }
  for (const HeadLabel& label : head.labels) out << sentence(head, label) << '\n';
  for (const HeadFlag& flag : head.flags) out << sentence(head, flag) << '\n';
}

/// Every number of a report, to the last bit.
inline std::string exact(const HeadReport& report) {
  std::ostringstream out;
  out << std::hexfloat << report.n_layers << ' ' << report.n_texts << ' ' << report.n_short_texts
      << ' ' << report.n_probes << ' ' << report.too_short << ' ' << report.shortest << ' '
      << report.longest << ' ' << report.n_repeats << ' ' << report.n_prefixes << '\n';
  for (const HeadFindings& head : report.heads) write_exactly(out, head);
  for (const Answer& answer : summary(report)) out << answer.answer << '\n';
  return out.str();
}

}  // namespace attnviz
