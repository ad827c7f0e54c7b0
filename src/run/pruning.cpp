#include "attnviz/pruning.h"

#include <torch/script.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <map>
#include <random>
#include <set>

#include "attnviz/error.h"
#include "attnviz/file.h"
#include "attnviz/run.h"
#include "attnviz/survey.h"
#include "attnviz/train.h"
#include "run/consent.h"
#include "run/effects.h"
#include "run/split.h"

namespace attnviz {
namespace {

/// What goes in one step: a head, or of shared layers the heads that are the same weights.
struct Candidate {
  std::vector<HeadId> heads;
  double order = 0;              ///< the least goes first
  std::optional<double> effect;  ///< on the loss, nats per token, when `n_gone` had gone
  std::size_t n_gone = 0;
};

void check(const PruneOptions& options) {
  const auto require = [](bool holds, const char* what) {
    if (!holds) throw UsageError(what);
  };
  require(options.dry_run || !options.out.empty(), "say where to write the model: -o OUT.pt");
  require(options.heads.empty() || (!options.flagged && !options.fraction),
          "--heads names the heads; it goes with neither --flagged nor --fraction");
  require(!options.fraction || (*options.fraction > 0 && *options.fraction <= 1),
          "--fraction takes a share of the heads above 0, up to 1");
  require(
      !options.heads.empty() || options.flagged || options.fraction || options.max_loss_increase,
      "say which heads: --heads, --fraction, --flagged, or a limit with --max-loss-increase");
  require(options.context >= 2 && options.n_windows >= 1,
          "a window needs two tokens, and there must be one window");
}

class Pruner {
 public:
  explicit Pruner(const PruneOptions& options)
      : options_(options), path_(options.model.empty() ? built_in_model() : options.model) {
    check(options_);
    if (!options_.dry_run) check_writable(options_.out);
    load();
    read_texts();
  }

  PruneResult run() {
    effects_.emplace(path_, options_.capture, StatisticsOptions(), [this](const auto& visit) {
      std::size_t done = 0;
      for (const TokenIds& ids : decided_on_) {
        visit(ids);
        tell("importance", ++done, decided_on_.size());
      }
    });
    find_candidates();
    take_out();
    if (gone_.empty()) refuse_all();
    result_.heads = gone_;
    std::sort(result_.heads.begin(), result_.heads.end());
    result_.is_complete = !result_.refused || options_.heads.empty();
    if (!options_.dry_run) write();
    return std::move(result_);
  }

 private:
  void tell(std::string_view stage, std::size_t done, std::size_t all) const {
    if (options_.on_progress) options_.on_progress(stage, done, all);
  }

  void load() {
    if (const auto record = read_gpt_record(path_)) {
      require_consent(record->config, options_.shared_layers, options_.heads, path_);
      gpt_ = load_gpt(path_);
      check_layout(*gpt_);
      if (options_.shared_layers == SharedLayers::untie) gpt_ = untie_layers(*gpt_);
    } else if (!options_.mask) {
      throw ModelError("the layout of " + path_.string() +
                       " is not known, since attnviz did not make it: silence heads with --mask, "
                       "or make a model of it first: attnviz import " +
                       path_.string() + " -o MODEL.pt");
    }
  }

  void read_texts() {
    const Tokenizer tokenizer(options_.vocabulary.empty() ? built_in_vocabulary()
                                                          : options_.vocabulary);
    const std::int64_t longest = Model(path_).n_positions().value_or(options_.context);
    const std::int64_t length = std::min(options_.context, longest);
    const Split split = options_.texts.empty()
                            ? example_split(tokenizer)
                            : read_split(options_.texts, options_.held_out, length, tokenizer);
    decided_on_ = windows_of(split.used, length, options_.n_windows);
    held_out_ = windows_of(split.held_out, length, options_.n_windows);
    for (const TokenIds& ids : decided_on_) result_.n_decided_on += std::int64_t(ids.size()) - 1;
    for (const TokenIds& ids : held_out_) result_.n_held_out += std::int64_t(ids.size()) - 1;
  }

  [[nodiscard]] ImportanceKind kind() const {
    return options_.fold_mean ? ImportanceKind::mean : ImportanceKind::zero;
  }
  [[nodiscard]] std::vector<at::Tensor> means() const {
    return options_.fold_mean ? effects_->means() : std::vector<at::Tensor>();
  }

  /// Heads that go together; of a model that attnviz did not make each alone, as it is masked in
  /// its graph.
  [[nodiscard]] std::vector<std::vector<HeadId>> groups_of(const std::vector<HeadId>& heads) const {
    std::vector<std::vector<HeadId>> groups;
    std::set<HeadId> seen;
    for (const HeadId head : heads) {
      if (seen.contains(head)) continue;
      groups.push_back(gpt_ ? with_twins(gpt_->record.config, {head}) : std::vector{head});
      seen.insert(groups.back().begin(), groups.back().end());
    }
    return groups;
  }

  void find_candidates() {
    const std::vector<HeadId> all = effects_->heads();
    result_.n_model_heads = std::int64_t(all.size());
    if (!options_.heads.empty()) {
      require_heads(effects_->model().n_heads(), effects_->model().kept_heads(), options_.heads);
    }
    std::vector<std::vector<HeadId>> groups =
        groups_of(options_.heads.empty() ? all : options_.heads);
    n_wanted_ = groups.size();
    if (options_.fraction) {
      n_wanted_ = std::size_t(std::floor(*options_.fraction * double(groups.size()) + 1e-9));
      if (n_wanted_ == 0) throw UsageError("that --fraction of the heads is not even one");
    }
    if (options_.flagged) keep_flagged(groups);
    for (std::vector<HeadId>& group : groups) candidates_.push_back({std::move(group), 0, {}, 0});
    result_.n_candidates = std::int64_t(candidates_.size());
    put_in_order();
  }

  /// All heads with the findings that flags and entropy rest on.
  [[nodiscard]] HeadReport report(std::span<const HeadMeasures> measures) const {
    Model model(path_, options_.capture);
    HeadStatistics statistics;
    for (const TokenIds& ids : decided_on_) {
      statistics.add_text(check_patterns(model.capture(ids), model.kept_heads()), ids);
    }
    return statistics.report({}, {}, measures);
  }

  void keep_flagged(std::vector<std::vector<HeadId>>& groups) {
    std::vector<std::vector<HeadId>> singles;
    for (const HeadId head : effects_->heads()) singles.push_back({head});
    const HeadReport found = report(effects_->measures(effects_->of_sets(singles, kind()), kind()));
    std::set<HeadId> flagged;
    for (const HeadFindings& head : found.heads) {
      if (is_flagged(head)) flagged.insert(head.id);
    }
    std::erase_if(groups, [&](const std::vector<HeadId>& group) {
      return !std::all_of(group.begin(), group.end(),
                          [&](HeadId h) { return flagged.contains(h); });
    });
    if (groups.empty())
      throw ModelError("no head of " + path_.string() + " has a flag to prune it for");
  }

  void put_in_order() {
    if (options_.order == PruneOrder::importance) {
      std::vector<std::vector<HeadId>> sets;
      for (const Candidate& candidate : candidates_) sets.push_back(candidate.heads);
      const std::vector<Statistic> effects = effects_->of_sets(sets, kind());
      for (std::size_t i = 0; i < effects.size(); ++i) {
        candidates_[i].order = effects[i].mean;
        candidates_[i].effect = effects[i].mean;
      }
    } else if (options_.order == PruneOrder::entropy) {
      std::map<HeadId, double> entropies;
      for (const HeadFindings& head : report({}).heads) {
        const auto& found = head[Score::normalised_entropy];
        entropies[head.id] = found ? found->mean : 0;
      }
      for (Candidate& candidate : candidates_) {
        for (const HeadId head : candidate.heads) candidate.order -= entropies.at(head);
      }
    } else {
      std::mt19937_64 random(options_.seed);
      std::shuffle(candidates_.begin(), candidates_.end(), random);
      for (std::size_t i = 0; i < candidates_.size(); ++i) candidates_[i].order = double(i);
    }
  }

  /// Mean over windows, as Effects has it.
  double loss_without(const std::vector<HeadId>& heads) {
    double sum = 0;
    const HeadGates gates = effects_->model().without(heads, means());
    for (const TokenIds& ids : decided_on_) sum += effects_->model().run(ids, gates).loss;
    return sum / double(decided_on_.size());
  }

  double held_out_loss_without(const std::vector<HeadId>& heads) {
    double sum = 0;
    const HeadGates gates = effects_->model().without(heads, means());
    for (const TokenIds& ids : held_out_) {
      sum += effects_->model().run(ids, gates).loss * double(ids.size() - 1);
    }
    return sum / double(result_.n_held_out);
  }

  [[nodiscard]] std::vector<HeadId> gone_and(const std::vector<HeadId>& heads) const {
    std::vector<HeadId> all = gone_;
    all.insert(all.end(), heads.begin(), heads.end());
    return all;
  }

  /// Heads stand in for each other, so that effects grow as others go: one that was the least is
  /// measured again before it is believed. The others can wait until it is their turn.
  Candidate next() {
    while (true) {
      const auto least = std::min_element(
          candidates_.begin(), candidates_.end(),
          [](const Candidate& a, const Candidate& b) { return a.order < b.order; });
      const bool is_new = options_.order != PruneOrder::importance || least->n_gone == gone_.size();
      if (is_new) {
        Candidate candidate = std::move(*least);
        candidates_.erase(least);
        return candidate;
      }
      least->order = loss_without(gone_and(least->heads)) - loss_so_far_;
      least->effect = least->order;
      least->n_gone = gone_.size();
    }
  }

  /// Unless they were named, the last head of a layer stays.
  [[nodiscard]] bool empties_a_layer(const std::vector<HeadId>& heads) const {
    if (!options_.heads.empty()) return false;
    const std::vector<HeadId> all = gone_and(heads);
    const auto& n_heads = effects_->model().n_heads();
    return std::any_of(heads.begin(), heads.end(), [&](HeadId head) {
      return std::count_if(all.begin(), all.end(), [&](HeadId other) {
               return other.layer == head.layer;
             }) == n_heads[std::size_t(head.layer)];
    });
  }

  void take_out() {
    result_.loss_before = held_out_loss_without({});
    if (!std::isfinite(result_.loss_before)) {
      throw ModelError("the loss of " + path_.string() +
                       " is not a finite number; look for NaN in the weights");
    }
    loss_so_far_ = effects_->loss();
    std::size_t n_steps = 0;
    while (!candidates_.empty() && n_steps < n_wanted_) {
      const Candidate candidate = next();
      if (empties_a_layer(candidate.heads)) continue;
      PruneStep step{candidate.heads, candidate.effect,
                     held_out_loss_without(gone_and(candidate.heads))};
      const double increase = step.held_out_loss - result_.loss_before;
      if (options_.max_loss_increase && !(increase <= *options_.max_loss_increase)) {
        result_.refused = std::move(step);
        return;
      }
      gone_ = gone_and(candidate.heads);
      loss_so_far_ += candidate.effect.value_or(0);
      result_.steps.push_back(std::move(step));
      tell("heads taken out", ++n_steps, n_wanted_);
    }
  }

  [[noreturn]] void refuse_all() const {
    if (!result_.refused) throw ModelError("no head can go: each is the last one of its layer");
    const double increase = result_.refused->held_out_loss - result_.loss_before;
    char numbers[160];
    std::snprintf(numbers, sizeof numbers,
                  " would raise the held-out loss by %.4f nats (perplexity %+.1f %%)", increase,
                  100 * std::expm1(increase));
    throw ModelError("nothing was written: even without the least important head, " +
                     to_string(result_.refused->heads) + "," + numbers +
                     ", more than --max-loss-increase allows");
  }

  void write() {
    result_.bytes_before = std::filesystem::file_size(path_);
    if (gpt_) {
      write_gpt();
    } else {
      const auto others = mask_script(path_, gone_, means(), options_.out);
      for (const std::string& method : others) {
        result_.notes.push_back("its method " + method + " is left out: it might attend unmasked");
      }
    }
    result_.bytes_after = std::filesystem::file_size(options_.out);
  }

  void write_gpt() {
    result_.parameters_before = n_parameters(*gpt_);
    const Gpt filled = options_.fold_mean ? fold_means(*gpt_, result_.heads, means()) : *gpt_;
    Gpt changed =
        options_.mask ? mask_heads(filled, result_.heads) : prune_heads(filled, result_.heads);
    result_.parameters_after = n_parameters(changed);
    // Gates in the graph know nothing of how weights lie: what they measured must come out.
    const double loss = held_out_loss(*changed.module, held_out_, options_.context);
    if (!(std::abs(loss - result_.loss_after()) <= 1e-3)) {
      throw ModelError("the new model has a held-out loss of " + std::to_string(loss) +
                       ", not the " + std::to_string(result_.loss_after()) +
                       " that was measured; nothing was written");
    }
    const std::string verb = options_.mask ? "masked " : "pruned ";
    const std::string how = options_.fold_mean ? ", their mean output in their place" : "";
    add_step(changed.record, verb + to_string(result_.heads) + how, path_);
    save_gpt(changed, options_.out);
  }

  static std::int64_t n_parameters(const Gpt& gpt) {
    std::int64_t n = 0;
    for (const at::Tensor& parameter : gpt.module->parameters()) n += parameter.numel();
    return n;
  }

  const PruneOptions& options_;
  std::filesystem::path path_;
  std::optional<Gpt> gpt_;  // none: a module that attnviz did not make
  std::vector<TokenIds> decided_on_, held_out_;
  std::optional<Effects> effects_;
  std::vector<Candidate> candidates_;
  std::size_t n_wanted_ = 0;
  std::vector<HeadId> gone_;
  double loss_so_far_ = 0;  // on decided_on_
  PruneResult result_;
};

}  // namespace

std::string_view to_string(PruneOrder order) {
  constexpr std::string_view kNames[] = {"importance", "entropy", "random"};
  return kNames[static_cast<std::size_t>(order)];
}

PruneResult run_prune(const PruneOptions& options) {
  return Pruner(options).run();
}

}  // namespace attnviz
