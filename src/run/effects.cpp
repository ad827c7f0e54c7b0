#include "run/effects.h"

#include <ATen/ATen.h>

#include <cmath>

#include "attention/fixed_point.h"
#include "attention/samples.h"
#include "attnviz/error.h"

namespace attnviz {
namespace {

/// NaN would pass for a number further on.
double finite(double value) {
  if (std::isfinite(value)) return value;
  throw ModelError("the loss or its slope is not a finite number; look for NaN in the weights");
}

void add(std::vector<at::Tensor>& sums, std::size_t layer, const at::Tensor& values) {
  if (sums.size() <= layer) sums.push_back(at::zeros_like(values, at::kLong));
  sums[layer] += to_fixed(values);
}

}  // namespace

Effects::Effects(const std::filesystem::path& model, const ModelOptions& options,
                 const StatisticsOptions& statistics,
                 std::function<void(const Visit&)> for_each_text)
    : model_(model, options),
      statistics_(statistics),
      for_each_text_(std::move(for_each_text)),
      open_(model_.open_gates()) {
  look_at_outputs();
}

void Effects::look_at_outputs() {
  std::vector<at::Tensor> sums, norms;  // fixed point, per layer [heads, d_head] and [heads]
  std::int64_t n_positions = 0;
  FixedSum losses;
  for_each_text_([&](const TokenIds& ids) {
    if (ids.size() < 2) return;
    const GatedRun run = model_.run(ids, open_);
    losses.add(finite(run.loss));
    n_positions += std::int64_t(ids.size());
    for (std::size_t layer = 0; layer < run.outputs.size(); ++layer) {
      const at::Tensor z = run.outputs[layer].to(at::kDouble);  // [heads, T, d_head]
      add(sums, layer, z.sum(1));
      add(norms, layer, z.norm(2, -1).mean(-1));
    }
  });
  if (losses.n == 0) throw TextError("no text has two tokens: there is nothing to predict");
  loss_ = losses.mean();
  for (std::size_t layer = 0; layer < sums.size(); ++layer) {
    means_.push_back((from_fixed(sums[layer]) / n_positions).to(at::kFloat));
    const at::Tensor of_heads = from_fixed(norms[layer]);
    const at::Tensor ratios = of_heads / of_heads.mean().clamp_min(1e-30);
    for (std::int64_t head = 0; head < ratios.size(0); ++head) {
      output_ratios_.push_back(ratios[head].item<double>());
    }
  }
}

std::vector<std::vector<HeadId>> Effects::single_heads() const {
  std::vector<std::vector<HeadId>> sets;
  for (const HeadId head : heads()) sets.push_back({head});
  return sets;
}

std::vector<Statistic> Effects::of_sets(const std::vector<std::vector<HeadId>>& sets,
                                        ImportanceKind kind) {
  std::vector<Samples> samples(sets.size());
  std::vector<HeadGates> gates;
  if (kind != ImportanceKind::gradient) {
    const bool by_mean = kind == ImportanceKind::mean;
    for (const std::vector<HeadId>& set : sets) {
      gates.push_back(model_.without(set, by_mean ? means_ : std::vector<at::Tensor>()));
    }
  }
  for_each_text_([&](const TokenIds& ids) {
    if (ids.size() < 2) return;
    if (kind != ImportanceKind::gradient) {
      const double whole = finite(model_.run(ids, open_).loss);
      for (std::size_t i = 0; i < sets.size(); ++i) {
        samples[i].add(finite(model_.run(ids, gates[i]).loss) - whole);
      }
      return;
    }
    const std::vector<at::Tensor> gradients = model_.loss_gradient(ids);
    for (std::size_t i = 0; i < sets.size(); ++i) {
      double of_set = 0;
      for (const HeadId id : sets[i]) {
        const auto index = head_index(model_.n_heads(), model_.kept_heads(), id).value();
        of_set += gradients[std::size_t(id.layer)][index].item<double>();
      }
      samples[i].add(std::abs(finite(of_set)));  // of each text: signs do not cancel
    }
  });
  std::vector<Statistic> result;
  for (const auto& statistic : statistics_of(samples, statistics_.resamples, statistics_.seed)) {
    result.push_back(statistic.value());
  }
  return result;
}

std::vector<HeadMeasures> Effects::measures(const std::vector<Statistic>& of_heads,
                                            ImportanceKind kind) const {
  std::vector<HeadMeasures> measures(of_heads.size());
  for (std::size_t head = 0; head < measures.size(); ++head) {
    const Statistic& effect = of_heads[head];
    measures[head].output_ratio = output_ratios_[head];
    measures[head].n_texts = effect.n_texts;
    if (kind == ImportanceKind::gradient) continue;  // a slope, no change of loss
    measures[head].loss_change = effect.mean;
    if (effect.ci) measures[head].loss_change_upper = effect.ci->high;
  }
  return measures;
}

}  // namespace attnviz
