#include <cmath>

#include "commands.h"

namespace attnviz::cli {
namespace {

constexpr char kExamples[] = R"(Examples:
  attnviz finetune pruned.pt --text books/*.txt -o tuned.pt --control gpt.pt
  attnviz finetune reset.pt --text book.txt -o tuned.pt --freeze-others
  attnviz finetune gpt.pt --text book.txt -o t.pt --history h.json --prefix t
Ctrl-C stops after the step, with a checkpoint in OUT.pt.checkpoints; the same
command with --resume goes on, and ends in the same weights. What is measured:
docs/surgery.md.)";

void add_training(CLI::App& app, FinetuneRunOptions& options) {
  FinetuneOptions& how = options.finetune;
  const auto number = [&](const char* name, std::int64_t& value, const char* help) {
    add_number(app, name, value, help)->group("Training");
  };
  number("--epochs", how.epochs, "times that the texts are seen");
  app.add_option("--lr", how.learning_rate, "learning rate of AdamW, after a short warm-up")
      ->check(positive())
      ->option_text("X [1e-05]")
      ->group("Training");
  number("--batch", how.batch, "windows that are computed together");
  number("--accumulate", how.accumulate, "batches that make one step");
  number("--context", how.context, "tokens in a window");
  app.add_option("--clip", how.clip, "largest norm of the gradients")
      ->check(positive())
      ->option_text("X [1]")
      ->group("Training");
  app.add_option("--softmax-samples", how.softmax_samples,
                 "softmax over the batch's tokens and N others, which is faster; 0: over all")
      ->check(not_negative())
      ->option_text("N [0]")
      ->group("Training");
  app.add_option("--seed", how.seed, "of the windows' order and of dropout")
      ->option_text("N [0]")
      ->group("Training");
  auto* freeze = app.add_flag("--freeze-others", options.freeze_others,
                              "train only the heads that were reset");
  freeze->option_text(" ")->group("Training");
  add_heads(app, how.only_heads, "with --freeze-others: train these heads instead")
      ->needs(freeze)
      ->group("Training");
}

void add_output(CLI::App& app, FinetuneRunOptions& options) {
  app.add_flag_callback(
         "--half", [&] { options.precision = Precision::half; },
         "write half precision: half the size, but small steps are rounded away")
      ->option_text(" ")
      ->group("Output");
  app.add_option("--control", options.control,
                 "train the model before surgery as long, to tell what was brought back")
      ->check(not_empty())
      ->option_text("GPT.pt")
      ->group("Output");
  app.add_option("--history", options.history, "losses and heads of every epoch, JSON")
      ->check(not_empty())
      ->option_text("F.json")
      ->group("Output");
  add_pictures(app, options.pictures,
               "draw the heads over epochs, P_head_history.png, and at the end, "
               "P_head_summary.png");
  app.add_flag("--resume", options.resume, "go on with a run that was stopped")
      ->option_text(" ")
      ->group("Output");
  app.add_flag("--keep-checkpoints", options.keep_checkpoints,
               "leave OUT.pt.checkpoints, a model of every epoch, when all is done")
      ->option_text(" ")
      ->group("Output");
}

}  // namespace

Run set_up_finetune(CLI::App& app) {
  auto options = std::make_shared<FinetuneRunOptions>();
  add_model(app, options->model);
  app.add_option("--text", options->texts, "text files to learn from, the end of each held out")
      ->required()
      ->check(not_empty())
      ->option_text("F...");
  add_out(app, options->out)->required();
  app.add_option("--held-out", options->held_out, "share of each file that is only measured on")
      ->option_text("X [0.05]");
  app.add_option("--vocab", options->vocabulary, "folder of vocab.json and merges.txt")
      ->check(not_empty())
      ->option_text("DIR");
  add_shared_layers(app, options->shared_layers);
  add_training(app, *options);
  add_output(app, *options);
  add_verbosity(app);
  app.footer(kExamples);
  return [options](const command::Commands& run) { return run.finetune(*options); };
}

}  // namespace attnviz::cli
