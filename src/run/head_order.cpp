#include "run/head_order.h"

#include <algorithm>
#include <map>
#include <random>

#include "run/one_text.h"

namespace attnviz {

HeadOrder::HeadOrder(const std::filesystem::path& model, const ModelOptions& capture,
                     std::vector<TokenIds> windows, bool by_mean, Tell tell)
    : path_(model),
      capture_(capture),
      windows_(std::move(windows)),
      kind_(by_mean ? ImportanceKind::mean : ImportanceKind::zero),
      tell_(std::move(tell)),
      effects_(model, capture, StatisticsOptions(), [this](const Effects::Visit& visit) {
        for (const TokenIds& ids : windows_) visit(ids);
      }) {}

std::vector<at::Tensor> HeadOrder::means() const {
  return kind_ == ImportanceKind::mean ? effects_.means() : std::vector<at::Tensor>();
}

HeadReport HeadOrder::report(std::span<const HeadMeasures> measures) const {
  Model model(path_, capture_);
  HeadStatistics statistics;
  for (const TokenIds& ids : windows_) {
    statistics.add_text(patterns_of(model, ids), ids);
  }
  return statistics.report({}, {}, measures);
}

std::set<HeadId> HeadOrder::flagged() {
  const std::vector<Statistic> effects = effects_.of_sets(effects_.single_heads(), kind_);
  std::set<HeadId> found;
  for (const HeadFindings& head : report(effects_.measures(effects, kind_)).heads) {
    if (is_flagged(head)) found.insert(head.id);
  }
  return found;
}

void HeadOrder::rank(std::vector<std::vector<HeadId>> candidates, PruneOrder order,
                     std::uint64_t seed) {
  ranked_.clear();
  is_measured_anew_ = order == PruneOrder::importance;
  for (std::vector<HeadId>& heads : candidates) ranked_.push_back({{std::move(heads), {}}, 0});
  if (order == PruneOrder::importance) {
    measure(ranked_.size(), {});
  } else if (order == PruneOrder::entropy) {
    rank_by_entropy();
  } else {
    std::mt19937_64 random(seed);
    std::shuffle(ranked_.begin(), ranked_.end(), random);
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
  sort();
}

void HeadOrder::sort() {
  std::stable_sort(ranked_.begin(), ranked_.end(),
                   [](const Ranked& a, const Ranked& b) { return a.place < b.place; });
}

/// What the first n are worth once `gone` have gone.
void HeadOrder::measure(std::size_t n, const std::vector<HeadId>& gone) {
  const double loss = loss_without(gone);
  for (std::size_t i = 0; i < n; ++i) {
    std::vector<HeadId> more = gone;
    more.insert(more.end(), ranked_[i].candidate.heads.begin(), ranked_[i].candidate.heads.end());
    ranked_[i].place = loss_without(more) - loss;
    ranked_[i].candidate.effect = ranked_[i].place;
    if (gone.empty() && tell_) tell_("importance", i + 1, n);
  }
  sort();
}

double HeadOrder::loss_without(const std::vector<HeadId>& heads) {
  return mean_loss(model(), windows_, model().without(heads, means()));
}

Candidate HeadOrder::next(const std::vector<HeadId>& gone) {
  if (is_measured_anew_ && !gone.empty()) measure(std::min(kMeasuredAnew, ranked_.size()), gone);
  Candidate candidate = std::move(ranked_.front().candidate);
  ranked_.erase(ranked_.begin());
  return candidate;
}

double mean_loss(GatedModel& model, const std::vector<TokenIds>& windows, const HeadGates& gates) {
  double sum = 0, n = 0;
  for (const TokenIds& ids : windows) {
    sum += model.run(ids, gates).loss * double(ids.size() - 1);
    n += double(ids.size() - 1);
  }
  return sum / n;
}

}  // namespace attnviz
