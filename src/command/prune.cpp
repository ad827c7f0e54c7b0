#include <spdlog/spdlog.h>

#include <charconv>
#include <cmath>
#include <cstdio>
#include <iostream>

#include "attnviz/error.h"
#include "attnviz/pruning.h"
#include "command.h"
#include "terminal.h"

namespace attnviz::command {
namespace {

std::string change(double nats) {
  char text[64];
  std::snprintf(text, sizeof text, "%+.1f %%", 100 * std::expm1(nats));
  return text;
}

/// Of shared layers one head stands for all of its number.
std::string name_of(const std::vector<HeadId>& heads) {
  if (heads.empty()) return "(none)";
  if (heads.size() == 1) return to_string(heads[0]);
  return "H" + std::to_string(heads[0].head) + " of all layers";
}

void print_step(const PruneStep& step, double before) {
  char effect[32] = "";
  if (step.effect) std::snprintf(effect, sizeof effect, "%+.4f", *step.effect);
  std::printf("%-22s %8s %13.4f %11.2f %9s\n", name_of(step.heads).c_str(), effect,
              step.held_out_loss, std::exp(step.held_out_loss),
              change(step.held_out_loss - before).c_str());
}

void print_steps(const PruneResult& result) {
  std::printf("%-22s %8s %13s %11s %9s\n", "without", "effect", "held-out loss", "perplexity",
              "change");
  print_step({{}, std::nullopt, result.loss_before}, result.loss_before);
  for (const PruneStep& step : result.steps) print_step(step, result.loss_before);
}

std::string summary(const PruneOptions& options, const PruneResult& result) {
  const char* verb = options.mask ? "masked" : "pruned";
  char loss[160];
  std::snprintf(
      loss, sizeof loss, "held-out loss %.4f -> %.4f nats per token, perplexity %.2f -> %.2f (%s)",
      result.loss_before, result.loss_after(), std::exp(result.loss_before),
      std::exp(result.loss_after()), change(result.loss_after() - result.loss_before).c_str());
  return std::string(options.dry_run ? "would be " : "") + verb + ": " +
         std::to_string(result.heads.size()) + " of " + counted(result.n_model_heads, "head") +
         ", " + to_string(result.heads) + "; " + loss;
}

void print_rest(const PruneOptions& options, const PruneResult& result) {
  const std::size_t width = output_width();
  std::cout << '\n' << wrapped(summary(options, result), width, 2) << '\n';
  if (result.refused) {
    const double increase = result.refused->held_out_loss - result.loss_before;
    std::cout << wrapped("stopped there: without " + to_string(result.refused->heads) +
                             " too the perplexity would change by " + change(increase) +
                             " (--max-loss-increase)",
                         width, 2)
              << '\n';
  }
  if (result.parameters_after > 0) {
    std::cout << "parameters " << result.parameters_before << " -> " << result.parameters_after
              << '\n';
  }
  if (!options.dry_run) {
    std::cout << "bytes " << result.bytes_before << " -> " << result.bytes_after << '\n'
              << printed(options.out) << '\n';
  }
}

}  // namespace

int prune(const PruneOptions& wanted) {
  PruneOptions options = wanted;
  StatusLine line(StatusLine::First::later);
  options.on_progress = [&](std::string_view stage, std::size_t done, std::size_t all) {
    if (line.is_due()) line.show(fmt::format("{}: {} of {}", stage, done, all));
  };
  const PruneResult result = run_prune(options);
  line.clear();
  std::cout << wrapped("decided on " + counted(result.n_decided_on, "token") + ", measured on " +
                           counted(result.n_held_out, "held-out token") + ", " +
                           counted(result.n_candidates, "candidate"),
                       output_width())
            << "\n\n"
            << std::flush;
  print_steps(result);
  std::fflush(stdout);
  print_rest(options, result);
  for (const std::string& note : result.notes) spdlog::warn("{}", note);
  if (result.is_complete) return kDone;
  spdlog::warn("not all of --heads are gone; --max-loss-increase none takes them out all the same");
  return kFailed;
}

}  // namespace attnviz::command
