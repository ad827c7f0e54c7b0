#include <spdlog/spdlog.h>

#include <cstdio>
#include <iostream>

#include "attnviz/run.h"
#include "command.h"
#include "interrupts.h"
#include "terminal.h"
#include "training_line.h"

namespace attnviz::command {
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

}  // namespace

int train(const TrainRunOptions& options) {
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
  std::cout << printed(options.out) << '\n';
  return was_interrupted() ? kFailed : kDone;
}

}  // namespace attnviz::command
