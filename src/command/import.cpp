#include <spdlog/spdlog.h>

#include <cstdio>
#include <iostream>
#include <map>

#include "attnviz/error.h"
#include "attnviz/run.h"
#include "command.h"
#include "terminal.h"

namespace attnviz::command {
namespace {

void report(const ImportedGpt& imported) {
  const GptConfig& config = imported.record.config;
  spdlog::info("recognised as {}: {} layers of {} heads, d_model {}, {} tokens, {} positions",
               imported.layout, config.n_layers(), config.n_heads[0], config.d_model,
               config.vocabulary_size, config.n_positions);
  for (const std::string& note : imported.notes) spdlog::info("{}", note);
}

/// The table that --verify prints.
void print(const Predictions& predictions) {
  std::printf("most probable next tokens\n");
  for (const Prediction& next : predictions.next) {
    std::printf("  %6.2f %%  %s\n", 100 * next.probability, next.token.c_str());
  }
  if (predictions.n_predicted > 0) {
    std::printf("loss on the text: %.3f nats a token over %ld; %.3f is chance\n", predictions.loss,
                long(predictions.n_predicted), predictions.chance_loss);
  }
}

}  // namespace

int import(const ImportArguments& arguments) {
  report(run_import(arguments.options));
  std::cout << printed(arguments.options.out) << std::endl;
  if (arguments.verify) {
    const Tokenizer tokenizer(arguments.vocabulary.empty() ? built_in_vocabulary()
                                                           : arguments.vocabulary);
    Model model(arguments.options.out);
    print(predict(model, tokenizer, *arguments.verify));
  }
  return kDone;
}

}  // namespace attnviz::command
