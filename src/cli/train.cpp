#include "commands.h"

namespace attnviz::cli {
Run set_up_train(CLI::App& app) {
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
      ->check(positive())
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
  return [options](const command::Commands& run) { return run.train(*options); };
}

}  // namespace attnviz::cli
