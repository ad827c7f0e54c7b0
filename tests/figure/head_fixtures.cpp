#include "figure/head_fixtures.h"

#include <algorithm>
#include <random>

namespace attnviz {
namespace {

constexpr std::int64_t n_texts = 16, n_probes = 4;

HeadFindings head_at(HeadId id, double depth, std::mt19937& random) {
  const auto number = [&random](double from, double to) {
    return from + (to - from) * static_cast<double>(random() % 1000) / 1000;
  };
  HeadFindings head;
  head.id = id;
  const int kind = static_cast<int>(random() % 10);
  const auto set = [&head](Score score, double mean) { head[score] = make_statistic(mean); };
  set(Score::previous_token, depth < 0.5 && kind < 2 ? number(0.3, 0.98) : number(0.02, 0.3));
  set(Score::current_token, kind == 2 ? number(0.5, 0.8) : number(0.02, 0.2));
  set(Score::first_token, depth >= 0.4 && kind >= 7 ? number(0.4, 0.97) : number(0.02, 0.28));
  set(Score::induction, depth >= 0.3 && (kind == 3 || kind == 4) ? number(0.2, 0.95) : 0.03);
  set(Score::induction_control, 0.02);
  set(Score::duplicate_token, depth < 0.6 && kind == 5 ? number(0.45, 0.7) : 0.02);
  set(Score::duplicate_control, 0.02);
  set(Score::induction_on_text, number(0.02, 0.4));
  set(Score::last_keys, kind == 6 ? number(0.93, 0.99) : number(0.2, 0.7));
  set(Score::normalised_entropy, depth < 0.3 && kind > 5 ? number(0.8, 0.99) : number(0.1, 0.75));
  set(Score::distance_to_uniform, head[Score::normalised_entropy]->mean > 0.96 ? 0.05 : 0.4);
  if (random() % 9 == 0) head.nearest = Neighbour{{0, 1}, 0.03, 0.04, n_texts};
  if (random() % 13 == 0) head.position = PositionFinding{5, 0.93, n_texts};
  head.measures = {number(0.3, 1.6), number(0, 0.05), 0.06, n_texts};
  if (random() % 15 == 0) head.measures = {0.05, 0.001, 0.004, n_texts};
  if (kind == 8 && depth < 0.4) head.variation = HeadVariation{0.3, 0.32, {}, {}, n_texts};
  return head;
}

}  // namespace

Statistic make_statistic(double mean, double chance) {
  return {mean,    0.02,   Interval{mean - 0.01, mean + 0.01},
          n_texts, chance, (mean - chance) / (1 - chance)};
}

HeadReport make_report(const std::vector<int>& heads) {
  std::mt19937 random(11);
  HeadReport report;
  report.n_layers = static_cast<std::int64_t>(heads.size());
  report.n_texts = n_texts;
  report.n_probes = n_probes;
  report.shortest = 31;
  report.longest = 128;
  for (int layer = 0; layer < static_cast<int>(heads.size()); ++layer) {
    for (int head = 0; head < heads[layer]; ++head) {
      const double depth = layer / std::max(1.0, static_cast<double>(heads.size()) - 1);
      report.heads.push_back(head_at({layer, head}, depth, random));
    }
  }
  label_heads(report);
  return report;
}

HeadReport pruned(HeadReport report, const KeptHeads& kept) {
  std::erase_if(report.heads, [&kept](const HeadFindings& head) {
    const auto& left = kept[static_cast<std::size_t>(head.id.layer)];
    return std::find(left.begin(), left.end(), head.id.head) == left.end();
  });
  return report;
}

std::vector<std::optional<double>> make_importance(const HeadReport& report) {
  std::mt19937 random(3);
  std::vector<std::optional<double>> importance;
  for (std::size_t i = 0; i < report.heads.size(); ++i) {
    const double share = static_cast<double>(random() % 1000) / 1000;
    importance.emplace_back(i % 7 == 3 ? -0.02 * share : 0.15 * share * share * share);
    if (i % 11 == 10) importance.back().reset();
  }
  return importance;
}

HeadReport make_checkpoint(const std::vector<int>& heads, double trained) {
  auto report = make_report(heads);
  for (auto& head : report.heads) {
    for (const auto& [score, start] : {std::pair(Score::previous_token, 0.05),
                                       {Score::current_token, 0.05},
                                       {Score::first_token, 0.05},
                                       {Score::induction, 0.02},
                                       {Score::normalised_entropy, 0.99}}) {
      head[score] = make_statistic(start + trained * (head[score]->mean - start));
    }
  }
  label_heads(report);
  return report;
}

}  // namespace attnviz
