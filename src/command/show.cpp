#include <spdlog/spdlog.h>

#include <iostream>

#include "attnviz/error.h"
#include "attnviz/file.h"
#include "attnviz/run.h"
#include "command.h"
#include "file/one_line.h"
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
  TokenIds ids = {};  ///< not empty: they are the text
};

std::vector<Job> jobs_of(const ShowArguments& arguments) {
  Job job;
  if (!arguments.options.attention.empty()) {
    const std::string name = arguments.options.attention.stem().string();
    return {{"", arguments.prefix.value_or(prefix_from(name))}};
  }
  if (!arguments.ids.empty()) {
    std::vector<TokenIds> texts = read_ids(arguments.ids);
    if (texts.size() > 1) {
      throw UsageError(arguments.ids + " holds " + std::to_string(texts.size()) +
                       " lists of ids; show takes one, attnviz batch takes many");
    }
    job.ids = std::move(texts[0]);
    std::error_code error;
    const bool is_file = std::filesystem::exists(arguments.ids, error);
    const std::string name = std::filesystem::path(arguments.ids).stem().string();
    job.prefix = arguments.prefix.value_or(prefix_from(is_file ? name : "ids " + arguments.ids));
    return {job};
  }
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
    const auto n = std::size_t(shown.n_prompt.value_or(std::int64_t(shown.ids.size())));
    spdlog::warn("the text has {} tokens; the last {} were cut (--max-tokens {})",
                 n + shown.n_tokens_cut, shown.n_tokens_cut, n);
  }
  for (const std::string& remark : shown.remarks) spdlog::info("{}", one_line(remark));
  spdlog::debug("{} tokens, {} layers, attention captured by {}", shown.tokens.size(),
                shown.n_heads.size(), shown.capture);
}

void tell_timings(const Shown& shown, spdlog::level::level_enum level) {
  for (const auto& [stage, time] : shown.timings_ms) {
    spdlog::log(level, "{:>16} {:8.1f} ms", stage, time);
  }
}

/// Where the patterns of each text come from: a model, or a file.
class Attender {
 public:
  explicit Attender(const ShowOptions& options) : options_(options) {
    const bool is_dump = !options.attention.empty();
    if (!options.vocabulary.empty() || !(is_dump || options.by_ids)) {
      tokenizer_.emplace(options.vocabulary.empty() ? built_in_vocabulary() : options.vocabulary);
    }
    if (is_dump) return;
    model_.emplace(options.model.empty() ? built_in_model() : options.model, options.capture);
  }

  Attended operator()(const Job& job) {
    const HeadChoice& choice = options_.figure.choice;
    if (!model_) return read_attended(options_.attention, options_.dump, tokenizer_, choice);
    const Tokenizer* tokenizer = pointer_to(tokenizer_);
    Shown shown = job.ids.empty() ? tokenize(job.text, *tokenizer, options_.max_tokens)
                                  : take_ids(job.ids, tokenizer, options_.max_tokens);
    return options_.generate
               ? continue_text(std::move(shown), *model_, tokenizer, *options_.generate, choice)
               : attend(std::move(shown), *model_, tokenizer, choice);
  }

 private:
  const ShowOptions& options_;
  std::optional<Tokenizer> tokenizer_;
  std::optional<Model> model_;
};

/// Nothing is written: a look at the patterns, in the terminal.
int print_glances(const std::vector<Job>& jobs, const ShowOptions& options) {
  Attender attend_to(options);
  const GlanceOptions look{output_width(), terminal_colours(), options.figure.scale,
                           options.figure.choice, options.figure.focus};
  for (const Job& job : jobs) {
    const Attended attended = attend_to(job);
    report(attended.shown);
    const View view = view_of(attended, options.merge_words);
    if (shows_pictures()) {
      const Drawing grid = layout(FigureKind::grid, view, options.figure);
      std::cout << kitty_picture(encode_png(grid, options.figure.dpi), look.width);
    } else {
      std::cout << glance(view, look);
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
  check_no_clash({arguments.file.value_or(""), arguments.ids, options.model, options.findings,
                  options.attention, options.dump.tokens},
                 {options.html, options.save_attention});
  tell_of_cut_files();
  options.by_ids = !arguments.ids.empty();
  options.capture.mapped = true;  // looked at once or twice, then left
  if (arguments.print) return print_glances(jobs, options);
  std::optional<Visualizer> visualizer;
  if (options.attention.empty()) visualizer.emplace(options);
  for (const Job& job : jobs) {
    Shown shown = !visualizer       ? show_attention(job.prefix, options)
                  : job.ids.empty() ? visualizer->show(job.text, job.prefix)
                                    : visualizer->show(job.ids, job.prefix);
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
