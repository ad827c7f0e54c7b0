#include <charconv>
#include <cmath>

#include "attnviz/error.h"
#include "commands.h"

namespace attnviz::cli {
namespace {

constexpr char kExamples[] = R"(Examples:
  attnviz prune gpt.pt --heads L0H3,L2H1 -o smaller.pt
  attnviz prune gpt.pt --fraction 0.25 --text books/*.txt -o smaller.pt
  attnviz prune gpt.pt --flagged --dry-run
  attnviz prune foreign.pt --heads L1H0 --mask -o masked.pt
Heads go one by one, the least important first, and the held-out loss is
measured each time; before it passes the limit, pruning stops. What is measured,
and how weights are cut: docs/surgery.md.
Exit status: 0 done, 1 failed, or --heads not all gone, 2 wrong usage.)";

const std::map<std::string, PruneOrder> kOrders = {{"importance", PruneOrder::importance},
                                                   {"entropy", PruneOrder::entropy},
                                                   {"random", PruneOrder::random}};

/// `2%` more perplexity, `0.02` nats more loss, or `none`.
std::optional<double> limit_of(const std::string& text) {
  if (text == "none") return std::nullopt;
  const bool is_percent = !text.empty() && text.back() == '%';
  const char* end = text.data() + text.size() - (is_percent ? 1 : 0);
  double value = 0;
  const auto [rest, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || rest != end || !(value >= 0) || !std::isfinite(value)) {
    throw UsageError(
        "--max-loss-increase takes nats such as 0.02, a percentage of perplexity "
        "such as 2%, or none; not " +
        text);
  }
  return is_percent ? std::log1p(value / 100) : value;
}

void add_choice(CLI::App& app, PruneOptions& options) {
  add_heads(app, options.heads, "these heads")->group("Which heads");
  app.add_option("--fraction", options.fraction, "at most this share of the model's heads")
      ->option_text("X")
      ->group("Which heads");
  app.add_flag("--flagged", options.flagged,
               "those with a flag that is more than information, on the texts decided on")
      ->group("Which heads");
  app.add_option_function<std::string>(
         "--by", [&](const std::string& name) { options.order = kOrders.at(name); },
         "which goes first: importance (least effect on the loss, measured again as others go), "
         "entropy (most diffuse), random")
      ->check(one_of(names_of(kOrders)))
      ->option_text("ORDER [importance]")
      ->group("Which heads");
  app.add_option_function<std::string>(
         "--max-loss-increase",
         [&](const std::string& text) { options.max_loss_increase = limit_of(text); },
         "what all of it may cost held out: perplexity (2%), nats (0.02), or none")
      ->option_text("X [2%]")
      ->group("Which heads");
  app.add_option("--seed", options.seed, "of --by random")
      ->option_text("N [0]")
      ->group("Which heads");
}

void add_texts(CLI::App& app, PruneOptions& options) {
  app.add_option("--text", options.texts,
                 "text files to decide on, the end of each held out; none: built-in texts")
      ->check(not_empty())
      ->option_text("F...")
      ->group("Texts");
  app.add_option("--held-out", options.held_out, "share of each file that is only measured on")
      ->option_text("X [0.05]")
      ->group("Texts");
  add_number(app, "--context", options.context, "tokens in a window")->group("Texts");
  add_number(app, "--windows", options.n_windows, "windows to decide on, and to measure on")
      ->group("Texts");
}

}  // namespace

Run set_up_prune(CLI::App& app) {
  auto options = std::make_shared<PruneOptions>();
  add_model(app, options->model);
  add_out(app, options->out);
  auto* dry_run = app.add_flag("--dry-run", options->dry_run, "decide and measure, write nothing");
  dry_run->option_text(" ");
  app.add_flag("--mask", options->mask,
               "silence the heads instead of cutting them; for any TorchScript")
      ->option_text(" ");
  app.add_flag("--fold-mean", options->fold_mean, "put the heads' mean output in their place")
      ->option_text(" ");
  add_shared_layers(app, options->shared_layers);
  add_choice(app, *options);
  add_texts(app, *options);
  add_capture_options(app, options->capture, options->vocabulary);
  add_verbosity(app);
  app.footer(kExamples);
  return [options](const command::Commands& run) { return run.prune(*options); };
}

}  // namespace attnviz::cli
