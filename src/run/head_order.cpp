#include "run/head_order.h"

#include <algorithm>
#include <map>
#include <random>

#include "attnviz/attention.h"

namespace attnviz {

HeadOrder::HeadOrder(const std::filesystem::path& model, const ModelOptions& capture,
                     std::vector<TokenIds> windows, bool by_mean, Tell tell)
    : path_(model),
      capture_(capture),
      windows_(std::move(windows)),
      kind_(by_mean ? ImportanceKind::mean : ImportanceKind::zero),
      effects_(model, capture, StatisticsOptions(),
               [this, told = std::move(tell)](const Effects::Visit& visit) {
                 std::size_t done = 0;
                 for (const TokenIds& ids : windows_) {
                   visit(ids);
                   if (told) told("importance", ++done, windows_.size());
                 }
               }) {}

std::vector<at::Tensor> HeadOrder::means() const {
  return kind_ == ImportanceKind::mean ? effects_.means() : std::vector<at::Tensor>();
}

HeadReport HeadOrder::report(std::span<const HeadMeasures> measures) const {
  Model model(path_, capture_);
  HeadStatistics statistics;
  for (const TokenIds& ids : windows_) {
    statistics.add_text(check_patterns(model.capture(ids), model.kept_heads()), ids);
  }
  return statistics.report({}, {}, measures);
}

std::set<HeadId> HeadOrder::flagged() {
  std::vector<std::vector<HeadId>> singles;
  for (const HeadId head : effects_.heads()) singles.push_back({head});
  std::set<HeadId> found;
  for (const HeadFindings& head :
       report(effects_.measures(effects_.of_sets(singles, kind_), kind_)).heads) {
    if (is_flagged(head)) found.insert(head.id);
  }
  return found;
}

void HeadOrder::rank(std::vector<std::vector<HeadId>> candidates, PruneOrder order,
                     std::uint64_t seed) {
  ranked_.clear();
  is_measured_anew_ = order == PruneOrder::importance;
  for (std::vector<HeadId>& heads : candidates) ranked_.push_back({{std::move(heads), {}}});
  if (order == PruneOrder::importance) {
    rank_by_importance();
  } else if (order == PruneOrder::entropy) {
    rank_by_entropy();
  } else {
    std::mt19937_64 random(seed);
    std::shuffle(ranked_.begin(), ranked_.end(), random);
    for (std::size_t i = 0; i < ranked_.size(); ++i) ranked_[i].place = double(i);
  }
}

void HeadOrder::rank_by_importance() {
  std::vector<std::vector<HeadId>> sets;
  for (const Ranked& ranked : ranked_) sets.push_back(ranked.candidate.heads);
  const std::vector<Statistic> effects = effects_.of_sets(sets, kind_);
  for (std::size_t i = 0; i < effects.size(); ++i) {
    ranked_[i].place = effects[i].mean;
    ranked_[i].candidate.effect = effects[i].mean;
  }
}

void HeadOrder::rank_by_entropy() {
  std::map<HeadId, double> entropies;
  for (const HeadFindings& head : report({}).heads) {
    const auto& found = head[Score::normalised_entropy];
    entropies[head.id] = found ? found->mean : 0;
  }
  for (Ranked& ranked : ranked_) {
    for (const HeadId head : ranked.candidate.heads) ranked.place -= entropies.at(head);
  }
}

double HeadOrder::loss_without(const std::vector<HeadId>& heads) {
  const HeadGates gates = model().without(heads, means());
  double sum = 0;
  for (const TokenIds& ids : windows_) sum += model().run(ids, gates).loss;
  return sum / double(windows_.size());
}

// Heads stand in for each other, so that effects grow as others go: the one that was least is
// measured again before it is believed. The others can wait until they are the least.
Candidate HeadOrder::next(const std::vector<HeadId>& gone) {
  std::optional<double> loss;
  while (true) {
    const auto first =
        std::min_element(ranked_.begin(), ranked_.end(),
                         [](const Ranked& a, const Ranked& b) { return a.place < b.place; });
    if (!is_measured_anew_ || first->n_gone == gone.size()) {
      Candidate candidate = std::move(first->candidate);
      ranked_.erase(first);
      return candidate;
    }
    if (!loss) loss = loss_without(gone);
    std::vector<HeadId> more = gone;
    more.insert(more.end(), first->candidate.heads.begin(), first->candidate.heads.end());
    first->place = loss_without(more) - *loss;
    first->candidate.effect = first->place;
    first->n_gone = gone.size();
  }
}

}  // namespace attnviz
