#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "attnviz/finetune.h"
#include "attnviz/surgery.h"
#include "attnviz/survey.h"

// Training a model on, and watching its heads while it learns.
//
//     FinetuneRunOptions options;
//     options.model = "pruned.pt", options.out = "tuned.pt";
//     options.texts = {"book.txt"};
//     options.control = "gpt.pt";
//     FinetuneResult result = run_finetune(options, {});
namespace attnviz {

struct FinetuneRunOptions {
  std::filesystem::path model;               ///< empty: built_in_model()
  std::filesystem::path out;                 ///< written when all is done
  std::vector<std::filesystem::path> texts;  ///< at least one
  std::filesystem::path vocabulary;          ///< empty: built_in_vocabulary()
  double held_out = 0.05;                    ///< share at the end of every text
  FinetuneOptions finetune;
  /// Train the heads alone that were reset, by the model's record; only_heads names others.
  bool freeze_others = false;
  Precision precision = Precision::single;  ///< of what is written; half may round small steps away
  /// The model before surgery: trained beside it, all of it, with the same texts and steps, so that
  /// what more training brings is not taken for what was brought back. Empty: none.
  std::filesystem::path control;
  SharedLayers shared_layers = SharedLayers::refuse;
  bool resume = false;            ///< go on with a run that was stopped
  bool keep_checkpoints = false;  ///< else they are removed when all is done
  std::filesystem::path history;  ///< a JSON file; empty: none
  SurveyPictures pictures;        ///< of the heads before and after
};

/// One model's losses after an epoch, nats per token.
struct EpochLosses {
  std::optional<double> train;  ///< mean over the epoch; none before the first
  double held_out = 0;          ///< over the whole vocabulary, of the weights as they are saved
};

struct FinetuneEpoch {
  std::int64_t epoch = 0;  ///< 0: before training
  EpochLosses losses;
  std::optional<EpochLosses> control;
  Survey survey;                     ///< of the built-in texts and probes
  std::vector<std::string> changes;  ///< of heads, since the epoch before
};

struct FinetuneResult {
  std::vector<FinetuneEpoch> epochs;  ///< the first is 0
  std::vector<std::string> changes;   ///< of heads, since before training
  bool is_finished = true;            ///< else on_step stopped it
  std::int64_t steps_done = 0, steps = 0;
  std::filesystem::path checkpoints;         ///< where the run can be gone on with
  std::vector<std::filesystem::path> files;  ///< written
};

/// What a run tells while it goes; each may be none.
struct FinetuneEvents {
  /// After every step; whose: "" or "control". Returning false stops after saving a checkpoint.
  std::function<bool(const FinetuneProgress&, const std::string& whose)> on_step = {};
  std::function<void(const FinetuneEpoch&)> on_epoch = {};
  std::function<void(const std::string& stage)> on_stage = {};
};

/// Fine-tunes a model and writes it. After every epoch it is measured
/// on the held-out text, its heads are reported, and a checkpoint is written to OUT.checkpoints:
/// epoch_N.pt, a model like any other, and what --resume needs; all by atomic rename.
/// Throws what its parts throw; UsageError where a stopped run's checkpoints are there and resume
/// is not set, or the other way round, and where one file would be written over another; ModelError
/// where the loss is not finite, naming the last good checkpoint.
[[nodiscard]] FinetuneResult run_finetune(const FinetuneRunOptions& options,
                                          const FinetuneEvents& events);

/// {"kind": "attnviz finetune", "version": 1, ...}; the schema is in docs/surgery.md.
[[nodiscard]] std::string to_json(const FinetuneResult& result, const FinetuneRunOptions& options);

}  // namespace attnviz
