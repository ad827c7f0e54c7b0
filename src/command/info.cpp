#include <cstdio>
#include <iostream>

#include "attnviz/contents.h"
#include "attnviz/run.h"
#include "command.h"
#include "file/one_line.h"
#include "interrupts.h"
#include "terminal.h"

namespace attnviz::command {
namespace {

void line(const char* name, const std::string& value) {
  std::printf("%-12s %s\n", name, one_line(value).c_str());
}

void line(const char* name, const std::optional<std::int64_t>& value) {
  line(name, value ? std::to_string(*value) : "not shown by the model");
}

/// `8 each`, or every layer's where they differ.
std::string heads(const std::vector<std::int64_t>& n_heads) {
  bool are_equal = true;
  std::string all;
  for (const std::int64_t n : n_heads) {
    are_equal = are_equal && n == n_heads[0];
    all += (all.empty() ? "" : " ") + std::to_string(n);
  }
  return are_equal ? std::to_string(n_heads[0]) + " each" : all;
}

std::string weights(const ModelInfo& info) {
  if (!info.n_weight_sets) return "not shown by the model";
  const auto layers = std::int64_t(info.n_heads.size());
  if (*info.n_weight_sets == layers) return "each layer has its own";
  return std::to_string(*info.n_weight_sets) + " set" + (*info.n_weight_sets == 1 ? "" : "s") +
         " for " + std::to_string(layers) + " layers: a changed head changes in all that share it";
}

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : ", ") + word;
  return text;
}

void print(const ModelContents& contents, const std::filesystem::path& path) {
  line("file", path.string());
  line("bytes", std::to_string(contents.file_size));
  line("of tensors", std::to_string(contents.tensor_bytes));
  line("operators", std::to_string(contents.operators.size()));
  std::printf("%s\n", wrapped("  " + joined(contents.operators), 80, 2).c_str());
  line("effects", std::string(contents.effects.empty() ? "none: it computes, and does no more"
                                                       : "outside its tensors:"));
  for (const OutsideEffect& effect : contents.effects) {
    std::printf("  %s %s\n", one_line(effect.what).c_str(), effect.effect.c_str());
  }
}

void print(const ModelInfo& info) {
  line("made by", std::string(info.record ? "attnviz" : "another program (TorchScript)"));
  line("layers", std::int64_t(info.n_heads.size()));
  line("heads", heads(info.n_heads));
  line("d_model", info.d_model);
  line("parameters", info.n_parameters);
  line("positions", info.n_positions);
  line("vocabulary", info.vocabulary_size);
  line("weights", weights(info));
  line("dtype", joined(info.weight_types));
  line("attention", "captured by " + to_string(info.capture));
  if (!info.record) return;
  const auto surgery = [](const char* name, const std::vector<HeadId>& changed) {
    if (!changed.empty()) line(name, to_string(changed));
  };
  surgery("pruned", info.record->pruned);
  surgery("masked", info.record->masked);
  surgery("reset", info.record->reset);
  std::printf("provenance\n");
  for (const auto& [name, value] : info.record->provenance) {
    std::printf("  %s: %s\n", one_line(name).c_str(), one_line(value).c_str());
  }
}

}  // namespace

int info(const InfoArguments& arguments) {
  const auto path = arguments.model.empty() ? built_in_model() : arguments.model;
  tell_of_cut_files();
  const ModelContents contents = read_model_contents(path);
  std::optional<ModelInfo> info;
  if (!arguments.no_run && (contents.effects.empty() || arguments.trusted)) {
    info = Model(path, {.mapped = true, .trusted = arguments.trusted}).info();
  }
  if (arguments.json) {
    std::cout << to_json(contents, info, path) << '\n';
    return kDone;
  }
  print(contents, path);
  if (info) {
    print(*info);
  } else {
    line("layers ...", std::string("not known: the model was not run") +
                           (arguments.no_run ? "" : " (--trust-model runs it)"));
  }
  return kDone;
}

}  // namespace attnviz::command
