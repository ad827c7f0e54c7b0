#include "attnviz/head_statistics.h"

#include "attnviz/error.h"
#include "kept_heads.h"
#include "statistics_state.h"

namespace attnviz {
namespace {

std::vector<HeadFindings> unscored(const KeptHeads& heads) {
  std::vector<HeadFindings> findings;
  for (const HeadId id : ids_of(heads)) findings.emplace_back().id = id;
  return findings;
}

void require_same(const StatisticsOptions& here, const StatisticsOptions& there) {
  visit_options(
      [](const std::string& name, const auto& mine, const auto& theirs) {
        if (mine == theirs) return;
        throw ShapeError("statistics with other options cannot be added: " + name + " is " +
                         std::to_string(mine) + " here, " + std::to_string(theirs) + " there");
      },
      here, there);
}

}  // namespace

void HeadStatistics::State::check(const AttentionPatterns& patterns) {
  if (!patterns.causal) {
    throw ShapeError("this attention looks ahead; the scores of heads are for causal attention");
  }
  if (patterns.has_sinks) {
    throw ShapeError(
        "its rows sum to less than 1, since a sink that is not a token takes the rest; the scores "
        "of "
        "heads are for rows that sum to 1");
  }
  if (patterns.layers.empty()) throw ShapeError("there is no attention: no layer was captured");
  heads = same_heads(patterns, heads);
}

HeadStatistics::HeadStatistics(StatisticsOptions options) : state_(std::make_unique<State>()) {
  if (options.resamples < 1) throw UsageError("the bootstrap needs a resample or more");
  state_->options = options;
}
HeadStatistics::~HeadStatistics() = default;
HeadStatistics::HeadStatistics(HeadStatistics&&) noexcept = default;
HeadStatistics& HeadStatistics::operator=(HeadStatistics&&) noexcept = default;

void HeadStatistics::add_text(const AttentionPatterns& patterns, std::span<const TokenId> ids) {
  state_->check(patterns);
  const bool is_short = patterns.n_positions() < state_->options.min_tokens;
  collect(is_short ? state_->short_texts : state_->texts, patterns, ids, state_->options);
}

void HeadStatistics::add_probe(const AttentionPatterns& repeated, const AttentionPatterns& control,
                               const RepeatedProbe& probe) {
  state_->check(repeated);
  state_->check(control);
  std::vector<std::array<ProbeScores, 2>> layers;
  std::size_t n_heads = 0;
  for (std::size_t layer = 0; layer < repeated.layers.size(); ++layer) {
    layers.push_back(
        {probe_scores(repeated.layers[layer], probe), probe_scores(control.layers[layer], probe)});
    n_heads += repeated.layers[layer].size(0);
  }
  state_->probes.resize(n_heads);
  auto into = state_->probes.begin();
  for (const auto& [on_repeat, on_control] : layers) {
    for (std::int64_t head = 0; head < on_repeat.induction.size(0); ++head, ++into) {
      const auto add = [&](Score score, const at::Tensor& values) {
        Samples& samples = (*into)[static_cast<std::size_t>(score)];
        samples.add(values[head].item<double>());
        samples.add_chance(on_repeat.chance);
      };
      add(Score::duplicate_token, on_repeat.duplicate);
      add(Score::induction, on_repeat.induction);
      add(Score::duplicate_control, on_control.duplicate);
      add(Score::induction_control, on_control.induction);
    }
  }
  ++state_->n_probes;
}

void HeadStatistics::add(const HeadStatistics& other) {
  State& here = *state_;
  const State& there = *other.state_;
  require_same(here.options, there.options);
  if (!here.heads.empty() && !there.heads.empty() && here.heads != there.heads) {
    throw ShapeError("the statistics to be added are of a model with different layers or heads");
  }
  if (n_texts() + other.n_texts() > kMostTerms || n_probes() + other.n_probes() > kMostTerms) {
    throw ShapeError("statistics of more than " + std::to_string(kMostTerms) +
                     " texts or probes cannot be added up");
  }
  if (here.heads.empty()) here.heads = there.heads;
  attnviz::add(here.texts, there.texts);
  attnviz::add(here.short_texts, there.short_texts);
  if (here.probes.size() < there.probes.size()) here.probes.resize(there.probes.size());
  for (std::size_t head = 0; head < there.probes.size(); ++head) {
    for (std::size_t score = 0; score < kScores; ++score) {
      here.probes[head][score].add(there.probes[head][score]);
    }
  }
  here.n_probes += there.n_probes;
}

std::int64_t HeadStatistics::n_texts() const {
  return state_->texts.n_texts + state_->short_texts.n_texts;
}
std::int64_t HeadStatistics::n_probes() const {
  return state_->n_probes;
}
const StatisticsOptions& HeadStatistics::options() const {
  return state_->options;
}

HeadReport HeadStatistics::report(const Thresholds& thresholds,
                                  std::span<const std::optional<HeadVariation>> variation,
                                  std::span<const HeadMeasures> measures) const {
  const State& state = *state_;
  HeadReport report;
  report.too_short = state.texts.n_texts == 0;
  const Collection& texts = report.too_short ? state.short_texts : state.texts;
  if (texts.n_texts == 0 && state.n_probes == 0) throw UsageError("there is no text to report on");
  report.heads = unscored(state.heads);
  for (const std::size_t n : {variation.size(), measures.size()}) {
    if (n != 0 && n != report.heads.size()) {
      throw ShapeError("measures of " + std::to_string(n) + " heads, but there are " +
                       std::to_string(report.heads.size()));
    }
  }
  report.n_layers = static_cast<std::int64_t>(state.heads.size());
  report.n_texts = texts.n_texts;
  report.n_short_texts = state.short_texts.n_texts;
  report.n_probes = state.n_probes;
  report.shortest = texts.shortest;
  report.longest = texts.longest;
  report.n_repeats = texts.n_repeats;
  report.n_prefixes = texts.n_prefixes;
  report.thresholds = thresholds;
  conclude(report.heads, texts, state.probes, state.options);
  for (std::size_t head = 0; head < report.heads.size(); ++head) {
    if (!variation.empty()) report.heads[head].variation = variation[head];
    if (!measures.empty()) report.heads[head].measures = measures[head];
  }
  label_heads(report);
  return report;
}

}  // namespace attnviz
