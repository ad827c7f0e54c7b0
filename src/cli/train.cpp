#include <spdlog/spdlog.h>
#include <cstdio>
#include <iostream>

#include "attnviz/run.h"
#include "commands.h"
#include "interrupts.h"
#include "training_line.h"

namespace attnviz::cli {
namespace {

std::string in_words(const std::optional<BestHead>& best) {
  if (!best) return "not measured";
  char text[32];
  std::snprintf(text, sizeof text, "%s %.2f", to_string(best->head).c_str(), best->score);
  return text;
}

void report(const TrainMeasure& measure) {
  spdlog::info(
      "step {}: held-out loss {:.3f}, previous-token {}, current-token {}, first-token {}, "
      "induction {}",
      measure.step, measure.held_out_loss, in_words(measure.previous_token),
      in_words(measure.current_token), in_words(measure.first_token), in_words(measure.induction));
}

int run_train(const TrainRunOptions& options) {
  catch_interrupts();
  TrainingLine line;
  run_training(
      options,
      [&](const TrainProgress& now) {
        line.show(
            {now.step, now.steps, now.tokens, now.loss, now.repeats_only ? "repeats" : "text"});
        return !was_interrupted();
      },
      [&](const TrainMeasure& measure) {
        line.end();
        report(measure);
      });
  if (was_interrupted()) spdlog::warn("interrupted; what was learned so far is saved");
  std::cout << options.out.string() << '\n';
  return was_interrupted() ? kFailed : kDone;
}

}  // namespace

std::function<int()> set_up_train(CLI::App& app) {
  auto options = std::make_shared<TrainRunOptions>();
  const auto number = [&](const char* name, std::int64_t& value, const char* help) {
    return add_number(app, name, value, help);
  };
  app.add_option("--text", options->texts, "text files to learn from")
      ->required()
      ->option_text("F ...");
  app.add_option("--out", options->out, "the model, TorchScript in half precision")
      ->required()
      ->check(not_empty())
      ->option_text("MODEL.pt");
  CLI::Option* from =
      app.add_option("--from", options->from, "go on with this model instead of a new one")
          ->check(not_empty())
          ->option_text("MODEL.pt");
  number("--layers", options->n_layers, "layers")->excludes(from);
  number("--heads", options->n_heads, "heads in each layer")->excludes(from);
  number("--d-model", options->d_model, "width of the residual stream")->excludes(from);
  number("--context", options->train.context, "tokens in a window of text");
  number("--steps", options->train.steps, "optimizer steps");
  number("--batch-tokens", options->train.batch_tokens, "tokens in a step");
  number("--measure-every", options->measure_every, "steps between two measures, each saved");
  app.add_option("--learning-rate", options->train.learning_rate, "AdamW, after warm-up")
      ->check(CLI::PositiveNumber.description(""))
      ->option_text("X [0.003]");
  app.add_option("--seed", options->train.seed, "of weights, batches and dropout")
      ->option_text("N [0]");
  app.add_option("--vocab", options->vocabulary, "folder of vocab.json and merges.txt")
      ->option_text("DIR");
  add_verbosity(app);
  app.footer(R"(Examples:
  attnviz train --text corpus/*.txt --out mine.pt
  attnviz train --text book.txt --out tiny.pt --layers 2 --heads 4 --steps 3000
Training begins with random blocks that are repeated: that makes induction heads
form early. Ctrl-C saves what was learned so far.)");
  return [options] { return run_train(*options); };
}

}  // namespace attnviz::cli
