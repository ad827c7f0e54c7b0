#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string_view>
#include <vector>

#include "attnviz/head_id.h"
#include "attnviz/model.h"
#include "attnviz/surgery.h"

// Deciding which heads a model can do without, and taking them out; giving heads a new start.
//
//     PruneOptions options;
//     options.model = "gpt.pt", options.out = "smaller.pt";
//     options.fraction = 0.25;
//     PruneResult result = run_prune(options);
namespace attnviz {

/// Which head goes first.
enum class PruneOrder {
  importance,  ///< the one whose loss, by ablation, is least; measured again as others go
  entropy,     ///< the one whose attention is most diffuse (normalised entropy): what old documents
               ///< advise
  random,      ///< drawn: what the others are to be compared with
};
[[nodiscard]] std::string_view to_string(PruneOrder order);

struct PruneOptions {
  std::filesystem::path model;       ///< empty: built_in_model()
  std::filesystem::path out;         ///< may be empty in a dry run
  std::filesystem::path vocabulary;  ///< empty: built_in_vocabulary()
  ModelOptions capture;

  /// Text files to decide on, the last `held_out` of each kept apart to measure on. Empty: every
  /// second one of example_texts() to decide on, the others to measure on.
  std::vector<std::filesystem::path> texts;
  double held_out = 0.05;
  std::int64_t context = 128;   ///< tokens in a window, or as many as the model has positions
  std::int64_t n_windows = 16;  ///< at most so many are decided on, and as many measured on

  // Candidates: these heads, or those with a flag that is more than information, or all.
  std::vector<HeadId> heads;
  bool flagged = false;
  std::optional<double> fraction;  ///< at most this share of the model's heads is taken out
  PruneOrder order = PruneOrder::importance;
  std::uint64_t seed = 0;
  /// Nats per held-out token that all of it together may cost; none: any. ln 1.02 is 2 % more
  /// perplexity.
  std::optional<double> max_loss_increase = 0.019802627296179713;

  bool mask = false;       ///< silence the heads, leave the model's shape; for any TorchScript
  bool fold_mean = false;  ///< put the heads' mean output in their place
  bool dry_run = false;    ///< decide and measure, write nothing
  SharedLayers shared_layers = SharedLayers::refuse;

  std::function<void(std::string_view stage, std::size_t done, std::size_t all)> on_progress;
};

/// One head taken out; of shared layers, one head of all layers.
struct PruneStep {
  std::vector<HeadId> heads;
  std::optional<double> effect;  ///< on the texts decided on, nats per token; none: not measured
  double held_out_loss = 0;      ///< without it and all before it, nats per token
};

struct PruneResult {
  double loss_before = 0;        ///< held out, nats per token
  std::vector<PruneStep> steps;  ///< in the order of their going
  /// The head that would have broken the limit, and what the loss would have been.
  std::optional<PruneStep> refused;
  std::vector<HeadId> heads;  ///< all that went, in order of layers and heads
  bool is_complete = true;    ///< nothing that was asked for by name was left because of the limit
  std::int64_t n_candidates = 0, n_model_heads = 0;
  std::int64_t n_decided_on = 0, n_held_out = 0;  ///< tokens that were predicted
  std::int64_t parameters_before = 0, parameters_after = 0;
  std::uintmax_t bytes_before = 0, bytes_after = 0;  ///< after: 0 in a dry run
  std::vector<std::string> notes;                    ///< what a user should know

  [[nodiscard]] double loss_after() const {
    return steps.empty() ? loss_before : steps.back().held_out_loss;
  }
};

/// Takes out one candidate after the other, the held-out loss measured each time, until there are
/// as many as wanted or the next one would break the limit, and writes what is left of the model
/// with heads pruned (or masked), atomically. Before that the weights' layout is probed, and after
/// it the new model's loss is held against the measured one.
/// Throws UsageError (heads that do not exist, nothing to choose, options that exclude each other,
/// shared layers), ModelError (a layout that is not known: names --mask and import; a limit that
/// even the first head breaks; no candidates), and what its parts throw. Then nothing is written.
[[nodiscard]] PruneResult run_prune(const PruneOptions& options);

struct ResetOptions {
  std::filesystem::path model;  ///< empty: built_in_model()
  std::filesystem::path out;
  std::vector<HeadId> heads;
  HeadInit init = HeadInit::xavier;
  std::uint64_t seed = 0;
  SharedLayers shared_layers = SharedLayers::refuse;
};

/// Gives heads new weights (reset_heads) and writes the model, atomically. Returns the heads that
/// were reset: of shared layers in all of them. Throws as run_prune.
std::vector<HeadId> run_reset(const ResetOptions& options);

}  // namespace attnviz
