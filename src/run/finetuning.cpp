#include "attnviz/finetuning.h"

#include <torch/script.h>

#include <cmath>
#include <numeric>

#include "attnviz/error.h"
#include "attnviz/file.h"
#include "attnviz/run.h"
#include "attnviz/train.h"
#include "run/clash.h"
#include "run/consent.h"
#include "run/finetuning_json.h"
#include "run/split.h"

namespace attnviz {
namespace {

namespace fs = std::filesystem;

/// A model in training, and its losses so far: the first is that before it.
struct Runner {
  std::string whose;  ///< "" or "control"
  fs::path state;     ///< the file of its state
  Finetuning finetuning;
  std::vector<EpochLosses> losses;

  [[nodiscard]] std::string saved() const { return finetuning.state(to_json(losses)); }
  void resume() {
    try {
      losses = losses_from(finetuning.resume(read_file(state)));
    } catch (const UsageError& error) {
      throw UsageError(state.string() + ": " + error.what());
    } catch (const ModelError& error) {
      throw ModelError(state.string() + ": " + error.what());
    }
  }
};

class Run {
 public:
  Run(const FinetuneRunOptions& options, const FinetuneEvents& events)
      : options_(options),
        events_(events),
        path_(options.model.empty() ? built_in_model() : options.model),
        tokenizer_(options.vocabulary.empty() ? built_in_vocabulary() : options.vocabulary) {
    result_.checkpoints = options.out;
    result_.checkpoints += ".checkpoints";
    check_files();
    split_ =
        read_split(options_.texts, options_.held_out, options_.finetune.context + 1, tokenizer_);
    how_ = options_.finetune;
    runners_.push_back(runner("", path_));
    if (!options_.control.empty()) runners_.push_back(runner("control", options_.control));
    for (Runner& one : runners_) {
      // One that was stopped before its first state begins anew.
      if (options_.resume && fs::exists(one.state)) one.resume();
    }
  }

  FinetuneResult run() {
    result_.steps = runners_[0].finetuning.steps();
    for (std::int64_t epoch = 0; epoch <= how_.epochs; ++epoch) {
      for (Runner& one : runners_) {
        if (!bring_to(one, epoch)) return stopped();
      }
      report(epoch);
    }
    finish();
    return std::move(result_);
  }

 private:
  void check_files() {
    if (options_.texts.empty()) throw UsageError("say what to train on: --text FILE");
    check_writable(options_.out);
    if (!options_.history.empty()) check_writable(options_.history);
    if (options_.pictures.prefix) {
      figures_ = survey_figure_files(options_.pictures, 2);
    }
    std::vector<fs::path> read = options_.texts, written = {options_.out, options_.history};
    read.insert(read.end(), {path_, options_.control});
    written.insert(written.end(), figures_.begin(), figures_.end());
    check_no_clash(read, written);
    const bool is_started = fs::exists(state_file(""));
    if (options_.resume && !is_started) {
      throw UsageError("there is nothing to go on with: no " + state_file("").string());
    }
    if (!options_.resume && is_started) {
      throw UsageError(result_.checkpoints.string() +
                       " is there from an earlier run: go on with --resume where it was stopped, "
                       "or remove it");
    }
  }

  [[nodiscard]] fs::path state_file(const std::string& whose) const {
    return result_.checkpoints / (whose.empty() ? "state" : "state_" + whose);
  }
  [[nodiscard]] fs::path epoch_file(std::int64_t epoch) const {
    return result_.checkpoints / ("epoch_" + std::to_string(epoch) + ".pt");
  }

  Runner runner(const std::string& whose, const fs::path& path) {
    Gpt gpt = load_gpt(path);
    const GptConfig& config = gpt.record.config;
    FinetuneOptions how = how_;
    if (std::accumulate(config.n_heads.begin(), config.n_heads.end(), std::int64_t{0}) == 0) {
      throw ModelError(path.string() + " has no heads left to report on");
    }
    if (!whose.empty()) {
      how.only_heads.clear();  // the control is trained whole
    } else {
      if (options_.freeze_others && how.only_heads.empty()) how.only_heads = reset_in(gpt, path);
      if (!how.only_heads.empty()) require_heads(config.n_heads, config.kept, how.only_heads);
      require_consent(config, options_.shared_layers, how.only_heads, path);
    }
    require_vocabulary(config, tokenizer_, path);
    if (options_.shared_layers == SharedLayers::untie) gpt = untie_layers(gpt);
    how.only_heads = with_twins(gpt.record.config, how.only_heads);
    if (whose.empty()) how_ = how;
    return {whose, state_file(whose), Finetuning(std::move(gpt), split_.used, how), {}};
  }

  static std::vector<HeadId> reset_in(const Gpt& gpt, const fs::path& path) {
    if (!gpt.record.reset.empty()) return gpt.record.reset;
    throw UsageError("no head of " + path.string() +
                     " was reset, so --freeze-others has none to train: name some with --heads");
  }

  void say(const std::string& stage) const {
    if (events_.on_stage) events_.on_stage(stage);
  }

  /// Trains and measures up to the end of an epoch; false where it was told to stop.
  bool bring_to(Runner& one, std::int64_t epoch) {
    if (std::int64_t(one.losses.size()) > epoch) return true;  // done before it was stopped
    std::optional<double> train;
    if (epoch > 0) {
      train = train_epoch(one);
      if (!train) return false;
    }
    say("measuring the held-out loss");
    const double held_out = held_out_loss_of(one.finetuning.gpt());
    if (!std::isfinite(held_out)) {
      throw ModelError("the held-out loss is not finite" + last_good(epoch));
    }
    one.losses.push_back({train, held_out});
    if (one.whose.empty()) save_gpt(with_step(one.finetuning.gpt(), epoch), epoch_file(epoch));
    write_file_atomically(one.state, one.saved());
    return true;
  }

  /// Of the weights that are saved, which half precision rounds.
  [[nodiscard]] double held_out_loss_of(const Gpt& gpt) const {
    torch::jit::Module saved = gpt.module->deepcopy();
    if (options_.precision == Precision::half) {
      saved.to(torch::kHalf);
      saved.to(torch::kFloat);
    }
    return held_out_loss(saved, split_.held_out, how_.context);
  }

  std::optional<double> train_epoch(Runner& one) {
    try {
      const auto train = one.finetuning.run_epoch([&](const FinetuneProgress& progress) {
        return !events_.on_step || events_.on_step(progress, one.whose);
      });
      if (!train) write_file_atomically(one.state, one.saved());
      return train;
    } catch (const ModelError& error) {
      const std::string whose = one.whose.empty() ? "" : "of the control: ";
      throw ModelError(whose + error.what() + last_good(std::int64_t(one.losses.size())));
    }
  }

  /// epoch: the one that failed.
  [[nodiscard]] std::string last_good(std::int64_t epoch) const {
    if (epoch == 0) return {};
    return "; the last good checkpoint is " + epoch_file(epoch - 1).string();
  }

  /// As it is saved.
  [[nodiscard]] Gpt with_step(Gpt gpt, std::int64_t epoch) const {
    gpt.precision = options_.precision;
    if (epoch == 0) return gpt;
    std::string step =
        "finetuned " + std::to_string(epoch) + " of " + std::to_string(how_.epochs) + " epochs of";
    for (const auto& text : options_.texts) step += " " + text.filename().string();
    if (!how_.only_heads.empty()) step += ", " + to_string(how_.only_heads) + " alone";
    add_step(gpt.record, step, path_);
    return gpt;
  }

  [[nodiscard]] Survey survey(std::int64_t epoch) const {
    say("looking at the heads");
    SurveyOptions options;
    options.model = epoch_file(epoch);
    options.vocabulary = options_.vocabulary;
    options.n_templates = 0;  // grammar takes longer than all the rest
    Survey found = survey_heads(options);
    found.model = epoch == 0 ? "before" : "epoch " + std::to_string(epoch);
    return found;
  }

  void report(std::int64_t epoch) {
    FinetuneEpoch done{epoch, runners_[0].losses[std::size_t(epoch)], {}, survey(epoch), {}};
    if (runners_.size() > 1) done.control = runners_[1].losses[std::size_t(epoch)];
    if (epoch > 0) done.changes = changes_since(done.survey, to_json(result_.epochs.back().survey));
    result_.epochs.push_back(std::move(done));
    if (events_.on_epoch) events_.on_epoch(result_.epochs.back());
  }

  FinetuneResult stopped() {
    result_.is_finished = false;
    result_.steps_done = runners_[0].finetuning.steps_done();
    return std::move(result_);
  }

  void finish() {
    result_.steps_done = result_.steps;
    result_.changes =
        changes_since(result_.epochs.back().survey, to_json(result_.epochs.front().survey));
    write_file_atomically(options_.out, read_file(epoch_file(how_.epochs)));
    result_.files.push_back(options_.out);
    if (!options_.history.empty()) {
      write_file_atomically(options_.history, to_json(result_, options_) + "\n");
      result_.files.push_back(options_.history);
    }
    if (!figures_.empty()) {
      std::vector<Survey> surveys;
      for (const FinetuneEpoch& epoch : result_.epochs) surveys.push_back(epoch.survey);
      draw_surveys(surveys, options_.pictures);
      result_.files.insert(result_.files.end(), figures_.begin(), figures_.end());
    }
    std::error_code ignored;
    if (!options_.keep_checkpoints) fs::remove_all(result_.checkpoints, ignored);
  }

  const FinetuneRunOptions& options_;
  const FinetuneEvents& events_;
  fs::path path_;
  Tokenizer tokenizer_;
  FinetuneOptions how_;
  Split split_;
  std::vector<fs::path> figures_;
  std::vector<Runner> runners_;  // the model, and its control where there is one
  FinetuneResult result_;
};

}  // namespace

FinetuneResult run_finetune(const FinetuneRunOptions& options, const FinetuneEvents& events) {
  return Run(options, events).run();
}

}  // namespace attnviz
