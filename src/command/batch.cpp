#include <spdlog/spdlog.h>

#include <chrono>
#include <iostream>

#include "attnviz/batch.h"
#include "attnviz/error.h"
#include "attnviz/file.h"
#include "batch_report.h"
#include "command.h"
#include "interrupts.h"
#include "terminal.h"

namespace attnviz::command {
namespace {

std::vector<std::filesystem::path> listed(const std::string& bytes, char separator) {
  std::vector<std::filesystem::path> paths;
  for (std::size_t start = 0; start < bytes.size();) {
    const std::size_t end = std::min(bytes.find(separator, start), bytes.size());
    if (end > start) paths.emplace_back(bytes.substr(start, end - start));
    start = end + 1;
  }
  return paths;
}

std::vector<BatchText> texts_of(const BatchArguments& arguments) {
  BatchInputs inputs = arguments.inputs;
  if (arguments.options.attention && inputs.globs == BatchInputs().globs) {
    inputs.globs = {"*.safetensors", "*.npy", "*.npz"};
  }
  if (!arguments.files_from.empty()) {
    const std::string bytes =
        arguments.files_from == "-" ? read_standard_input() : read_file(arguments.files_from);
    const auto files = listed(bytes, arguments.null ? '\0' : '\n');
    inputs.paths.insert(inputs.paths.end(), files.begin(), files.end());
  } else if (arguments.null) {
    throw UsageError("-0 is for --files-from");
  }
  if (inputs.paths.empty()) {
    throw UsageError("there is no input; name files or folders, or - for standard input");
  }
  std::vector<BatchText> texts = list_texts(inputs);
  if (texts.empty()) throw TextError("there is no text in the input");
  return texts;
}

Shard shard_of(const BatchArguments& arguments) {
  if (!arguments.shard.empty()) return parse_shard(arguments.shard);
  const std::optional<Shard> shard = shard_of_environment();
  if (shard) {
    spdlog::info("shard {} of {}, by Slurm's array variables (--shard 1/1 takes all texts)",
                 shard->index, shard->of);
  }
  return shard.value_or(Shard{});
}

int print_plan(const std::vector<BatchText>& texts, const BatchOptions& options) {
  const BatchPlan plan = plan_batch(texts, options);
  std::int64_t n_there = 0;
  for (const BatchPlan::Item& item : plan.items) {
    std::cout << printed(item.input) << (item.is_there ? ": there already\n" : ": to do\n");
    for (const auto& file : item.files) std::cout << "  " << printed(file) << '\n';
    n_there += item.is_there;
  }
  spdlog::info("{}: {} to do, {} there already; nothing was written",
               counted(std::int64_t(plan.items.size()), "text"),
               std::int64_t(plan.items.size()) - n_there, n_there);
  return kDone;
}

/// The bar, texts a second, the time left by cost, and failures.
class BatchLine {
 public:
  void show(const BatchProgress& now) {
    if (now.done + now.failed == 0) {
      return spdlog::debug("{} texts, {} of them there already; may use {}", now.texts, now.kept,
                           counted(usable_cores(), "core"));
    }
    if (!line_.is_due()) return;
    const std::int64_t n = now.done + now.failed;
    char text[128];
    std::snprintf(text, sizeof text, "%s %ld/%ld texts, %.1f/s, %s left", bar(now.share).c_str(),
                  long(now.kept + n), long(now.texts), double(n) / seconds(),
                  duration(seconds() * (1 - now.share) / std::max(now.share, 1e-9)).c_str());
    line_.show(text + (now.failed > 0 ? ", " + std::to_string(now.failed) + " failed" : ""));
  }
  void clear() { line_.clear(); }
  [[nodiscard]] double seconds() const {
    return std::chrono::duration<double>(Clock::now() - start_).count();
  }

 private:
  using Clock = std::chrono::steady_clock;
  StatusLine line_{StatusLine::First::later};
  Clock::time_point start_ = Clock::now();
};

}  // namespace

int batch(const BatchArguments& arguments) {
  BatchOptions options = arguments.options;
  const std::vector<BatchText> texts = texts_of(arguments);
  options.shard = shard_of(arguments);
  if (arguments.dry_run) return print_plan(texts, options);
  catch_interrupts();
  BatchLine line;
  const BatchResult result = run_batch(texts, options, [&](const BatchProgress& now) {
    line.show(now);
    return !was_interrupted();
  });
  line.clear();
  report_batch(result, line.seconds());
  return result.failures.empty() && result.stopped.empty() ? kDone : kFailed;
}

}  // namespace attnviz::command
