#include <ATen/ATen.h>

#include <limits>
#include <utility>

#include "attnviz/error.h"
#include "attnviz/head_statistics.h"
#include "kept_heads.h"
#include "statistics_state.h"
#include "stored_tensors.h"

// What HeadStatistics is stored as. Sums are integers in fixed point, of 128 bits: two int64, the
// high half first. A Samples is one row: sum (2), count, sum of squares (2), sum of chances (2),
// their count; its values, where there are up to 512, follow those of the one before in `values`.
//
//     statistics.version      [1] int64, kVersion
//     statistics.options      [8] int64, see visit_options
//     heads.per_layer         [layer] int64, how many heads
//     heads.numbers           [head] int64, layer by layer
//     texts.counts            [6] int64, see Collection::visit_fields; where the first is 0, the
//                             other tensors of texts are not there
//     texts.scores.sums       [head, score, 8] int64, the scores that need no probe
//     texts.scores.values     [value] float64, sorted for each head and score
//     texts.offsets.sums      [head, offset, 8] int64
//     texts.offsets.values    [value] float64
//     texts.hits              [head, offset, 3] int64: sum (2), count
//     texts.offset_chances    [offset, 3] int64
//     texts.positions         [head, 3] int64: rows without the first token, texts that had a
//                             position, the position (kNoPosition: not one and the same)
//     texts.position_shares   [head] float64, the least
//     texts.divergences       [3, head, head] int64, as in Collection; where texts were compared
//     short_texts.*           the same of texts below min_tokens
//     probes.count            [1] int64; where it is 0, the others are not there
//     probes.scores.sums, probes.scores.values    the scores of the probe, as those of texts
namespace attnviz {
namespace {

// To be raised where the tensors change, or what they mean: a formula, the order of Score.
constexpr std::int64_t kVersion = 1;
constexpr std::size_t kTextScores = static_cast<std::size_t>(Score::duplicate_token);
constexpr std::int64_t kNoPosition = -1;
constexpr const char* kImpossible = "holds numbers that no texts can have";

// Parts of a head, const or not, for rows_of.
constexpr auto kTextPart = [](auto& head) { return std::span(head.scores).first(kTextScores); };
constexpr auto kOffsetPart = [](auto& head) { return std::span(head.offsets); };
constexpr auto kHitPart = [](auto& head) { return std::span(head.hits); };
constexpr auto kProbePart = [](auto& scores) { return std::span(scores).subspan(kTextScores); };

at::Tensor scalar(std::int64_t number) {
  return at::tensor(std::vector<std::int64_t>{number});
}

void put_positions(std::vector<NamedTensor>& out, const std::string& prefix,
                   const Collection& texts) {
  std::vector<std::int64_t> numbers;
  std::vector<double> shares;
  for (const HeadSamples& head : texts.heads) {
    numbers.insert(numbers.end(), {head.rows_without_first, head.n_positions,
                                   head.position.value_or(kNoPosition)});
    shares.push_back(head.least_position_share);
  }
  out.push_back({prefix + "positions", at::tensor(numbers).view({-1, 3})});
  out.push_back({prefix + "position_shares", at::tensor(shares)});
}

void put_texts(std::vector<NamedTensor>& out, const std::string& prefix, const Collection& texts) {
  NumberWriter counts;
  Collection::visit_fields(counts, texts);
  out.push_back({prefix + "counts", at::tensor(counts.numbers)});
  if (texts.n_texts == 0) return;
  const auto n_heads = static_cast<std::int64_t>(texts.heads.size());
  const auto n_offsets = static_cast<std::int64_t>(texts.offset_chances.size());
  put_samples(out, prefix + "scores", rows_of(texts.heads, kTextPart));
  put_samples(out, prefix + "offsets", rows_of(texts.heads, kOffsetPart));
  out.push_back(
      {prefix + "hits", tensor_of_sums(rows_of(texts.heads, kHitPart), {n_heads, n_offsets})});
  out.push_back({prefix + "offset_chances",
                 tensor_of_sums<FixedSum>({std::span(texts.offset_chances)}, {n_offsets})});
  put_positions(out, prefix, texts);
  if (texts.n_compared > 0) out.push_back({prefix + "divergences", texts.divergences});
}

void require_sound_counts(const std::string& name, const Collection& texts) {
  const bool is_sound = texts.n_texts >= 0 && texts.n_texts <= kMostTerms && texts.shortest >= 1 &&
                        texts.shortest <= texts.longest &&
                        texts.longest <= std::numeric_limits<std::int32_t>::max() &&
                        texts.n_compared >= 0 && texts.n_compared <= texts.n_texts;
  const std::int64_t n_rows = is_sound ? texts.n_texts * texts.longest : 0;
  require(is_sound && texts.n_repeats >= 0 && texts.n_repeats <= n_rows && texts.n_prefixes >= 0 &&
              texts.n_prefixes <= n_rows,
          name, kImpossible);
}

void take_positions(const StoredTensors& in, const std::string& prefix, Collection& texts) {
  const auto n_heads = static_cast<std::int64_t>(texts.heads.size());
  const at::Tensor positions = in.get(prefix + "positions", at::kLong, {n_heads, 3});
  const at::Tensor shares = in.get(prefix + "position_shares", at::kDouble, {n_heads});
  const auto* number = positions.data_ptr<std::int64_t>();
  const auto* share = shares.data_ptr<double>();
  for (HeadSamples& head : texts.heads) {
    head.rows_without_first = *number++;
    head.n_positions = *number++;
    const std::int64_t position = *number++;
    require(head.rows_without_first >= 0 &&
                head.rows_without_first <= texts.n_texts * texts.longest && head.n_positions >= 0 &&
                head.n_positions <= texts.n_texts && position >= kNoPosition &&
                position < (head.n_positions == 0 ? 0 : texts.longest),
            prefix + "positions", kImpossible);
    if (position >= 0) head.position = position;
    head.least_position_share = *share++;
    require(head.least_position_share >= 0 && head.least_position_share <= 1,
            prefix + "position_shares", "holds what is no share, 0 to 1");
  }
}

void take_divergences(const StoredTensors& in, const std::string& name, Collection& texts) {
  if (texts.n_compared == 0) return;
  const auto n_heads = static_cast<std::int64_t>(texts.heads.size());
  texts.divergences = in.get(name, at::kLong, {3, n_heads, n_heads}).clone();
  // A divergence is 1 bit at most, but for its rounding.
  const at::Tensor most =
      at::tensor({2 * kFixedOne, 2 * kFixedOne, 1.0}).to(at::kLong).view({3, 1, 1});
  const at::Tensor is_sound =
      texts.divergences.ge(0).logical_and(texts.divergences.le(most * texts.n_compared));
  require(is_sound.all().item<bool>(), name, kImpossible);
}

void take_offsets(const StoredTensors& in, const std::string& prefix, Collection& texts) {
  const auto n_heads = static_cast<std::int64_t>(texts.heads.size());
  const std::int64_t n_offsets = in.sums_of_samples(prefix + "offsets", n_heads, -1).size(1);
  const std::int64_t width = width_of<FixedSum>();
  const at::Tensor hits = in.get(prefix + "hits", at::kLong, {n_heads, n_offsets, width});
  const at::Tensor chances = in.get(prefix + "offset_chances", at::kLong, {n_offsets, width});
  texts.offset_chances.resize(n_offsets);
  for (HeadSamples& head : texts.heads) {
    head.offsets.resize(n_offsets);
    head.hits.resize(n_offsets);
  }
  in.fill_in_samples(rows_of(texts.heads, kOffsetPart), prefix + "offsets", texts.n_texts);
  fill_in(rows_of(texts.heads, kHitPart), hits);
  fill_in<FixedSum>({std::span(texts.offset_chances)}, chances);
  for (std::size_t d = 0; d < texts.offset_chances.size(); ++d) {
    const FixedSum& chance = texts.offset_chances[d];
    require(chance.is_sound(texts.n_texts), prefix + "offset_chances", kImpossible);
    for (const HeadSamples& head : texts.heads) {
      require(head.hits[d].is_sound(texts.n_texts), prefix + "hits", kImpossible);
      require(head.hits[d].n == chance.n && head.offsets[d].count() == chance.n,
              prefix + "offset_chances", "counts other texts than the heads' offsets and hits");
    }
  }
}

Collection take_texts(const StoredTensors& in, const std::string& prefix, std::int64_t n_heads) {
  const at::Tensor counts = in.get(prefix + "counts", at::kLong, {width_of<Collection>()});
  Collection texts;
  Collection::visit_fields(NumberReader{counts.data_ptr<std::int64_t>()}, texts);
  if (texts.n_texts == 0) return {};
  require_sound_counts(prefix + "counts", texts);
  require(n_heads > 0, prefix + "counts", "counts texts, but there are no heads");
  (void)in.sums_of_samples(prefix + "scores", n_heads, kTextScores);
  texts.heads.resize(n_heads);
  in.fill_in_samples(rows_of(texts.heads, kTextPart), prefix + "scores", texts.n_texts);
  take_offsets(in, prefix, texts);
  take_positions(in, prefix, texts);
  take_divergences(in, prefix + "divergences", texts);
  return texts;
}

void put_heads(std::vector<NamedTensor>& out, const KeptHeads& heads) {
  std::vector<std::int64_t> per_layer, numbers;
  for (const auto& layer : heads) {
    per_layer.push_back(static_cast<std::int64_t>(layer.size()));
    numbers.insert(numbers.end(), layer.begin(), layer.end());
  }
  out.push_back({"heads.per_layer", at::tensor(per_layer)});
  out.push_back({"heads.numbers", at::tensor(numbers)});
}

KeptHeads take_heads(const StoredTensors& in) {
  const at::Tensor per_layer = in.get("heads.per_layer", at::kLong, {-1});
  const at::Tensor numbers = in.get("heads.numbers", at::kLong, {-1});
  const auto* n_heads = per_layer.data_ptr<std::int64_t>();
  const auto* number = numbers.data_ptr<std::int64_t>();
  std::int64_t n_left = numbers.numel();
  KeptHeads heads;
  for (std::int64_t layer = 0; layer < per_layer.numel(); ++layer) {
    const std::int64_t n = n_heads[layer];
    require(n >= 0 && n <= n_left, "heads.per_layer", "counts other heads than heads.numbers has");
    heads.emplace_back(number, number + n);
    number += n;
    n_left -= n;
  }
  require(n_left == 0, "heads.per_layer", "counts other heads than heads.numbers has");
  for (const auto& layer : heads) {
    for (const std::int64_t head : layer) {
      require(head >= 0 && head <= std::numeric_limits<int>::max(), "heads.numbers",
              "holds what is no head's number");
    }
  }
  return heads;
}

StatisticsOptions take_options(const StoredTensors& in) {
  const at::Tensor version = in.get("statistics.version", at::kLong, {1});
  require(version.item<std::int64_t>() == kVersion, "statistics.version",
          "is " + std::to_string(version.item<std::int64_t>()) + "; this program reads version " +
              std::to_string(kVersion));
  StatisticsOptions options;
  NumberWriter known;
  visit_options(known, options);
  const at::Tensor stored =
      in.get("statistics.options", at::kLong, {static_cast<std::int64_t>(known.numbers.size())});
  visit_options(NumberReader{stored.data_ptr<std::int64_t>()}, options);
  require(options.scores.last_keys >= 1 && options.scores.max_offset >= 0, "statistics.options",
          "holds options that no scores can have");
  return options;
}

}  // namespace

std::vector<NamedTensor> HeadStatistics::to_tensors() const {
  NumberWriter options;
  visit_options(options, state_->options);
  std::vector<NamedTensor> tensors = {{"statistics.version", scalar(kVersion)},
                                      {"statistics.options", at::tensor(options.numbers)}};
  put_heads(tensors, state_->heads);
  put_texts(tensors, "texts.", state_->texts);
  put_texts(tensors, "short_texts.", state_->short_texts);
  tensors.push_back({"probes.count", scalar(state_->n_probes)});
  if (state_->n_probes > 0) {
    put_samples(tensors, "probes.scores", rows_of(std::as_const(state_->probes), kProbePart));
  }
  return tensors;
}

HeadStatistics HeadStatistics::from_tensors(std::span<const NamedTensor> tensors,
                                            std::uint64_t seed, std::int64_t resamples) {
  const StoredTensors in(tensors);
  StatisticsOptions options = take_options(in);
  options.seed = seed;
  options.resamples = resamples;
  HeadStatistics statistics(options);
  State& state = *statistics.state_;
  state.heads = take_heads(in);
  const auto n_heads = static_cast<std::int64_t>(ids_of(state.heads).size());
  state.texts = take_texts(in, "texts.", n_heads);
  state.short_texts = take_texts(in, "short_texts.", n_heads);
  state.n_probes = in.get("probes.count", at::kLong, {1}).item<std::int64_t>();
  require(state.n_probes >= 0 && state.n_probes <= kMostTerms, "probes.count", kImpossible);
  if (state.n_probes == 0) return statistics;
  require(n_heads > 0, "probes.count", "counts probes, but there are no heads");
  (void)in.sums_of_samples("probes.scores", n_heads, kScores - kTextScores);
  state.probes.resize(n_heads);
  in.fill_in_samples(rows_of(state.probes, kProbePart), "probes.scores", state.n_probes);
  return statistics;
}

}  // namespace attnviz
