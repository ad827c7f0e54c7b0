#include <spdlog/spdlog.h>

#include <cmath>
#include <iostream>

#include "attnviz/finetuning.h"
#include "command.h"
#include "interrupts.h"
#include "terminal.h"
#include "training_line.h"

namespace attnviz::command {
namespace {

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

}  // namespace

int finetune(const FinetuneRunOptions& options) {
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
  for (const auto& file : result.files) std::cout << printed(file) << '\n';
  return kDone;
}

}  // namespace attnviz::command
