#include <spdlog/spdlog.h>

#include <cmath>
#include <iostream>

#include "attnviz/finetuning.h"
#include "commands.h"
#include "interrupts.h"
#include "training_line.h"

namespace attnviz::cli {
namespace {

constexpr char kExamples[] = R"(Examples:
  attnviz finetune pruned.pt --text books/*.txt -o tuned.pt --control gpt.pt
  attnviz finetune reset.pt --text book.txt -o tuned.pt --freeze-others
  attnviz finetune gpt.pt --text book.txt -o t.pt --history h.json --prefix t
Ctrl-C stops after the step, with a checkpoint in OUT.pt.checkpoints; the same
command with --resume goes on, and ends in the same weights. What is measured:
docs/surgery.md.)";

std::string of_losses(const EpochLosses& losses) {
  const std::string train = losses.train ? fmt::format("train {:.4f}, ", *losses.train) : "";
  return train + fmt::format("held-out {:.4f} (perplexity {:.2f})", losses.held_out,
                             std::exp(losses.held_out));
}

/// The first few; all are in the history.
void print_changes(const std::vector<std::string>& changes) {
  constexpr std::size_t kShown = 5;
  for (std::size_t i = 0; i < std::min(kShown, changes.size()); ++i) {
    std::cout << "  " << wrapped(changes[i], output_width() - 2, 6) << '\n';
  }
  if (changes.size() > kShown) {
    std::cout << "  and " << counted(std::int64_t(changes.size() - kShown), "change")
              << " more (--history)\n";
  }
  if (changes.empty()) {
    std::cout << "  no label, flag or score of a head moved by 0.1 or more\n";
  }
}

void print_epoch(const FinetuneEpoch& epoch, std::int64_t epochs) {
  if (epoch.epoch == 0) {
    std::cout << "before training: loss ";
  } else {
    std::cout << "epoch " << epoch.epoch << " of " << epochs << ": loss ";
  }
  std::cout << of_losses(epoch.losses) << '\n';
  if (epoch.control) std::cout << "  control: loss " << of_losses(*epoch.control) << '\n';
  if (epoch.epoch > 0) print_changes(epoch.changes);
  std::cout << std::flush;
}

/// What surgery had cost, and how much of it is back.
std::string balance(const FinetuneResult& result) {
  const FinetuneEpoch &first = result.epochs.front(), &last = result.epochs.back();
  const double was = first.losses.held_out, is = last.losses.held_out;
  std::string text =
      fmt::format("held-out loss {:.4f} -> {:.4f} nats per token ({:+.4f})", was, is, is - was);
  if (!last.control) return text;
  const double whole = first.control->held_out, control = last.control->held_out;
  text += fmt::format("; the control, trained as long, {:.4f} -> {:.4f} ({:+.4f})", whole, control,
                      control - whole);
  const double cost = was - whole;
  if (cost <= 0) return text + "; the model was no worse than the control before";
  return text + fmt::format(
                    "; of the {:.4f} nats that it was behind before, {:.4f} are left "
                    "({:.0f} % brought back beyond what training gives the control)",
                    cost, is - control, 100 * (1 - (is - control) / cost));
}

int run(const FinetuneRunOptions& options) {
  catch_interrupts();
  TrainingLine line;
  FinetuneEvents events;
  events.on_step = [&](const FinetuneProgress& now, const std::string& whose) {
    const bool is_control = !whose.empty();
    // The other one has its part of this epoch to come, or has had it.
    const std::int64_t an_epoch = now.steps / options.finetune.epochs;
    const std::int64_t elsewhere =
        options.control.empty() ? 0 : now.steps - an_epoch * (now.epoch - (is_control ? 0 : 1));
    const std::string doing = (is_control ? "control " : "epoch ") + std::to_string(now.epoch);
    line.show({now.step, now.steps, now.tokens, now.loss, doing, elsewhere});
    return !was_interrupted();
  };
  events.on_stage = [](const std::string& stage) { spdlog::debug("{}", stage); };
  events.on_epoch = [&](const FinetuneEpoch& epoch) {
    line.clear();
    print_epoch(epoch, options.finetune.epochs);
  };
  const FinetuneResult result = run_finetune(options, events);
  line.end();
  if (!result.is_finished) {
    spdlog::warn(
        "interrupted at step {} of {}; {} holds what was learned so far: go on with "
        "--resume",
        result.steps_done, result.steps, result.checkpoints.string());
    return kFailed;
  }
  std::cout << "\nsince before training:\n";
  print_changes(result.changes);
  std::cout << '\n' << wrapped(balance(result), output_width(), 2) << '\n';
  for (const auto& file : result.files) std::cout << file.string() << '\n';
  return kDone;
}

void add_training(CLI::App& app, FinetuneRunOptions& options) {
  FinetuneOptions& how = options.finetune;
  const auto number = [&](const char* name, std::int64_t& value, const char* help) {
    add_number(app, name, value, help)->group("Training");
  };
  number("--epochs", how.epochs, "times that the texts are seen");
  app.add_option("--lr", how.learning_rate, "learning rate of AdamW, after a short warm-up")
      ->check(CLI::PositiveNumber.description(""))
      ->option_text("X [1e-05]")
      ->group("Training");
  number("--batch", how.batch, "windows that are computed together");
  number("--accumulate", how.accumulate, "batches that make one step");
  number("--context", how.context, "tokens in a window");
  app.add_option("--clip", how.clip, "largest norm of the gradients")
      ->check(CLI::PositiveNumber.description(""))
      ->option_text("X [1]")
      ->group("Training");
  app.add_option("--softmax-samples", how.softmax_samples,
                 "softmax over the batch's tokens and N others, which is faster; 0: over all")
      ->check(CLI::NonNegativeNumber.description(""))
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
  add_pictures(app, options.prefix, options.out_dir, options.dpi,
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

std::function<int()> set_up_finetune(CLI::App& app) {
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
  return [options] { return run(*options); };
}

}  // namespace attnviz::cli
