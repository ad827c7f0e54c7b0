#pragma once

#include <CLI/CLI.hpp>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "command/command.h"

// The command line alone: nothing here may need a function of LibTorch, which is not linked.
namespace attnviz::cli {

/// Runs a command with the arguments that were parsed, and gives the exit status.
using Run = std::function<int(const command::Commands&)>;

/// One row a subcommand. `set_up` adds its options to the subcommand and returns what runs it once
/// they are parsed.
struct Command {
  const char* name;
  const char* summary;
  Run (*set_up)(CLI::App&);
  /// Its exit status where it could not be done. Of what compares, 1 says that something changed.
  command::ExitStatus failed = command::kFailed;
};

Run set_up_show(CLI::App& app);
Run set_up_batch(CLI::App& app);
Run set_up_merge(CLI::App& app);
Run set_up_heads(CLI::App& app);
Run set_up_info(CLI::App& app);
Run set_up_import(CLI::App& app);
Run set_up_train(CLI::App& app);
Run set_up_prune(CLI::App& app);
Run set_up_reset(CLI::App& app);
Run set_up_finetune(CLI::App& app);
Run set_up_snapshot(CLI::App& app);
Run set_up_compare(CLI::App& app);
Run set_up_verify(CLI::App& app);

/// The first is what runs when no subcommand is named.
inline const std::vector<Command>& commands() {
  static const std::vector<Command> table = {
      {"show", "draw a text's attention; `attnviz TEXT` for short", set_up_show},
      {"batch", "draw thousands of texts, every core busy", set_up_batch},
      {"merge", "join what the shards of a batch have made", set_up_merge},
      {"heads", "say what each head does on some texts, in numbers", set_up_heads},
      {"info", "say what a model is", set_up_info},
      {"import", "make a model of a checkpoint (.pth, .safetensors)", set_up_import},
      {"train", "train a small GPT from nothing on text files", set_up_train},
      {"prune", "take out the heads that the loss can spare", set_up_prune},
      {"reset", "give heads new weights, to be trained anew", set_up_reset},
      {"finetune", "train on, and report the heads after each epoch", set_up_finetune},
      {"snapshot", "a regression test of attention, for CI", set_up_snapshot, command::kWrongUsage},
      {"compare", "say what changed between two models or snapshots", set_up_compare,
       command::kWrongUsage},
      {"verify", "draw a picture again: is it the same?", set_up_verify, command::kWrongUsage},
  };
  return table;
}

/// Refuses all but these; its name, they joined by |, is where completion finds them.
CLI::Validator one_of(const std::vector<std::string>& names);

/// Refuses "", which a script gives when a variable of its own is not set.
CLI::Validator not_empty();

/// Refuses what is no number above 0, or of 0 or more.
CLI::Validator positive();
CLI::Validator not_negative();

/// A whole number above 0, its default shown.
CLI::Option* add_number(CLI::App& app, const char* name, std::int64_t& value, const char* help);

/// --prefix, --out-dir, --dpi and --format, of pictures that are drawn only with a prefix.
void add_pictures(CLI::App& app, SurveyPictures& pictures, const char* help);

/// MODEL, and -o OUT.pt.
CLI::Option* add_model(CLI::App& app, std::filesystem::path& model);
CLI::Option* add_out(CLI::App& app, std::filesystem::path& out);

/// --heads L0H3,L2H1
CLI::Option* add_heads(CLI::App& app, std::vector<HeadId>& heads, const std::string& help);

/// --shared-layers and --untie-layers.
void add_shared_layers(CLI::App& app, SharedLayers& shared_layers);

/// --format.
CLI::Option* add_formats(CLI::App& app, std::vector<FileFormat>& formats);

/// --layers, --heads and --only.
void add_choice(CLI::App& app, HeadChoice& choice, const char* group);
/// --layers and --heads, where --only takes more than heads.
void add_layers_and_heads(CLI::App& app, HeadChoice& choice, const char* group);

/// --figures, --scale, --dpi, --format, those of add_choice, --drop-first, --top and --merge-words.
void add_figure_options(CLI::App& app, ShowOptions& options);

/// --tensors, --batch-item and --bidirectional, of files of patterns.
void add_dump_options(CLI::App& app, DumpOptions& dump);
/// --tokens, where there is one such file.
CLI::Option* add_tokens(CLI::App& app, DumpOptions& dump);

/// --model, --max-tokens and those of add_capture_options.
void add_model_options(CLI::App& app, ShowOptions& options);

/// --trust-model
CLI::Option* add_trust(CLI::App& app, bool& trusted);

/// --vocab, --capture, --device and --trust-model.
void add_capture_options(CLI::App& app, ModelOptions& options, std::filesystem::path& vocabulary);

/// --json, --junit, --html, --out-dir, --most and --dpi of a report of changes.
void add_report_options(CLI::App& app, command::ReportArguments& arguments);

template <typename Value>
std::vector<std::string> names_of(const std::map<std::string, Value>& values) {
  std::vector<std::string> all;
  for (const auto& [name, value] : values) all.push_back(name);
  return all;
}

/// --quiet and --verbose, for every subcommand; applied when they are parsed.
void add_verbosity(CLI::App& app);

}  // namespace attnviz::cli
