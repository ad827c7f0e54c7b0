#include <spdlog/spdlog.h>

#include <iostream>

#include "attnviz/error.h"
#include "attnviz/file.h"
#include "attnviz/run.h"
#include "command.h"
#include "interrupts.h"
#include "kitty.h"
#include "run/clash.h"
#include "run/one_text.h"
#include "terminal.h"

namespace attnviz::command {
namespace {

struct Job {
  std::string text;
  std::string prefix;
};

std::vector<Job> jobs_of(const ShowArguments& arguments) {
  Job job;
  if (arguments.file) {
    job.text = without_last_newline(read_file(*arguments.file));
  } else if (arguments.text == "-") {
    job.text = without_last_newline(read_standard_input());
  } else if (arguments.text) {
    job.text = *arguments.text;
  } else {
    if (arguments.prefix) throw UsageError("--prefix needs a TEXT or a --file");
    return {{"To be or not to be, that is the question", "tobe"},
            {"The cat sat on the mat", "cat"}};
  }
  job.prefix = arguments.prefix.value_or(prefix_from(job.text));
  return {job};
}

void report(const Shown& shown) {
  if (shown.n_tokens_cut > 0) {
    spdlog::warn("the text has {} tokens; the last {} were cut (--max-tokens {})",
                 shown.ids.size() + shown.n_tokens_cut, shown.n_tokens_cut, shown.ids.size());
  }
  spdlog::debug("{} tokens, {} layers, attention captured by {}", shown.ids.size(),
                shown.n_heads.size(), to_string(shown.capture));
}

void tell_timings(const Shown& shown, spdlog::level::level_enum level) {
  for (const auto& [stage, time] : shown.timings_ms) {
    spdlog::log(level, "{:>16} {:8.1f} ms", stage, time);
  }
}

/// Nothing is written: a look at the patterns, in the terminal.
int print_glances(const std::vector<Job>& jobs, const ShowOptions& options) {
  const Tokenizer tokenizer(options.vocabulary.empty() ? built_in_vocabulary()
                                                       : options.vocabulary);
  Model model(options.model.empty() ? built_in_model() : options.model, options.capture);
  const GlanceOptions look{output_width(), terminal_colours(), options.figure.scale,
                           options.figure.layers, options.figure.heads};
  for (const Job& job : jobs) {
    Shown shown = tokenize(job.text, tokenizer, options.max_tokens);
    const AttentionPatterns patterns = attend(shown, model);
    report(shown);
    const std::vector<Label> labels = token_labels(tokenizer, shown.ids);
    if (shows_pictures()) {
      const auto pngs =
          draw_figures(shown, patterns, labels, {FigureKind::grid}, options.figure, model.path());
      std::cout << kitty_picture(pngs.at(0), look.width);
    } else {
      std::cout << glance(patterns, labels, look);
    }
    if (&job != &jobs.back()) std::cout << '\n';
  }
  return kDone;
}

}  // namespace

int show(const ShowArguments& arguments) {
  const std::vector<Job> jobs = jobs_of(arguments);
  if (jobs.size() > 1 && arguments.json) {
    throw UsageError("--json needs a TEXT or a --file: one text, one object");
  }
  for (const auto& [file, option] :
       {std::pair(arguments.options.save_attention, "--save-attention"),
        std::pair(arguments.options.html, "--html")}) {
    if (jobs.size() > 1 && !file.empty()) {
      throw UsageError(std::string(option) + " needs a TEXT or a --file");
    }
  }
  ShowOptions options = arguments.options;
  check_no_clash({arguments.file.value_or(""), options.model, options.findings},
                 {options.html, options.save_attention});
  tell_of_cut_files();
  options.capture.mapped = true;  // looked at once or twice, then left
  if (arguments.print) return print_glances(jobs, options);
  Visualizer visualizer(options);
  for (const Job& job : jobs) {
    Shown shown = visualizer.show(job.text, job.prefix);
    shown.timings_ms.emplace(shown.timings_ms.begin(), "load_libtorch", load_ms);
    report(shown);
    tell_timings(shown, arguments.timings ? spdlog::level::info : spdlog::level::debug);
    if (arguments.json) {
      std::cout << to_json(shown) << '\n';
    } else {
      for (const auto& file : shown.files) std::cout << printed(file) << '\n';
    }
  }
  return kDone;
}

}  // namespace attnviz::command
