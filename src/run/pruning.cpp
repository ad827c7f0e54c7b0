#include "attnviz/pruning.h"

#include <torch/script.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "attention/wording.h"
#include "attnviz/error.h"
#include "attnviz/file.h"
#include "attnviz/run.h"
#include "attnviz/train.h"
#include "run/consent.h"
#include "run/head_order.h"
#include "run/split.h"

namespace attnviz {
namespace {

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

constexpr std::int64_t kFewTokens = 1000;

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
    order_.emplace(path_, options_.capture, decided_on_, options_.fold_mean, options_.on_progress);
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
      const GptConfig& config = record->config;
      if (!options_.heads.empty()) require_heads(config.n_heads, config.kept, options_.heads);
      require_consent(config, options_.shared_layers, options_.heads, path_);
      gpt_ = load_gpt(path_);
      check_layout(*gpt_);
      result_.parameters_before = n_parameters(*gpt_);
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
    if (result_.n_held_out < kFewTokens) {
      result_.notes.push_back("measured on " + std::to_string(result_.n_held_out) +
                              " held-out tokens only: to trust the limit give more text");
    }
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
    const auto& n_heads = order_->model().n_heads();
    const KeptHeads& kept = order_->model().kept_heads();
    const std::vector<HeadId> all = all_heads(n_heads, kept);
    if (!options_.heads.empty()) require_heads(n_heads, kept, options_.heads);
    result_.n_model_heads = std::int64_t(all.size());
    auto groups = groups_of(options_.heads.empty() ? all : options_.heads);
    n_wanted_ = groups.size();
    if (all.empty()) throw ModelError(path_.string() + " has no heads left");
    if (options_.fraction) {
      n_wanted_ = std::size_t(std::floor(*options_.fraction * double(groups.size()) + 1e-9));
      if (n_wanted_ == 0) throw UsageError("that --fraction of the heads is not even one");
    }
    if (options_.flagged) keep_flagged(groups);
    result_.n_candidates = std::int64_t(groups.size());
    order_->rank(std::move(groups), options_.order, options_.seed);
  }

  void keep_flagged(std::vector<std::vector<HeadId>>& groups) {
    const std::set<HeadId> flagged = order_->flagged();
    const auto is_flagged = [&](HeadId head) { return flagged.contains(head); };
    std::erase_if(groups, [&](const std::vector<HeadId>& group) {
      return !std::all_of(group.begin(), group.end(), is_flagged);
    });
    if (!groups.empty()) return;
    throw ModelError("no head of " + path_.string() + " has a flag to prune it for");
  }

  double held_out_loss_without(const std::vector<HeadId>& heads) {
    return mean_loss(order_->model(), held_out_, order_->model().without(heads, order_->means()));
  }

  [[nodiscard]] std::vector<HeadId> gone_and(const std::vector<HeadId>& heads) const {
    std::vector<HeadId> all = gone_;
    all.insert(all.end(), heads.begin(), heads.end());
    return all;
  }

  /// Unless they were named, the last head of a layer stays.
  [[nodiscard]] bool empties_a_layer(const std::vector<HeadId>& heads) {
    if (!options_.heads.empty()) return false;
    const std::vector<HeadId> all = gone_and(heads);
    const auto& n_heads = order_->model().n_heads();
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
    while (!order_->is_empty() && result_.steps.size() < n_wanted_) {
      const Candidate candidate = order_->next(gone_);
      if (empties_a_layer(candidate.heads)) continue;
      PruneStep step{candidate.heads, candidate.effect,
                     held_out_loss_without(gone_and(candidate.heads))};
      const double increase = step.held_out_loss - result_.loss_before;
      if (options_.max_loss_increase && !(increase <= *options_.max_loss_increase)) {
        result_.refused = std::move(step);
        return;
      }
      gone_ = gone_and(candidate.heads);
      result_.steps.push_back(std::move(step));
      tell("heads taken out", result_.steps.size(), n_wanted_);
    }
  }

  [[noreturn]] void refuse_all() const {
    if (!result_.refused) throw ModelError("no head can go: each is the last one of its layer");
    const double increase = result_.refused->held_out_loss - result_.loss_before;
    throw ModelError("no head can go: without " + to_string(result_.refused->heads) +
                     " the held-out loss rises by " + decimals(increase, 4) + " nats (perplexity " +
                     signed_decimals(100 * std::expm1(increase), 1) +
                     " %), more than --max-loss-increase allows; nothing was written");
  }

  void write() {
    result_.bytes_before = std::filesystem::file_size(path_);
    if (gpt_) {
      write_gpt();
    } else {
      write_masked_script();
    }
    result_.bytes_after = std::filesystem::file_size(options_.out);
  }

  void write_masked_script() {
    write_file_atomically(options_.out, [&](const std::filesystem::path& temporary) {
      for (const std::string& method : mask_script(path_, result_.heads, order_->means(), temporary,
                                                   options_.capture.trusted)) {
        result_.notes.push_back("its method " + method + " is left out: it might attend unmasked");
      }
      GatedModel masked(temporary, options_.capture);
      check_loss(mean_loss(masked, held_out_, masked.open_gates()));
    });
  }

  /// Gates in the graph know nothing of how weights lie: what they measured must come out.
  void check_loss(double loss) const {
    if (std::abs(loss - result_.loss_after()) <= 1e-3) return;
    throw ModelError("the new model has a held-out loss of " + std::to_string(loss) + ", not the " +
                     std::to_string(result_.loss_after()) +
                     " that was measured; nothing was written");
  }

  void write_gpt() {
    const Gpt filled =
        options_.fold_mean ? fold_means(*gpt_, result_.heads, order_->means()) : *gpt_;
    Gpt changed =
        options_.mask ? mask_heads(filled, result_.heads) : prune_heads(filled, result_.heads);
    result_.parameters_after = n_parameters(changed);
    check_loss(held_out_loss(*changed.module, held_out_, options_.context));
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
  std::optional<HeadOrder> order_;
  std::size_t n_wanted_ = 0;
  std::vector<HeadId> gone_;
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
