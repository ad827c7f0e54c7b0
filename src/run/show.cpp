#include <ATen/ATen.h>
#include <tbb/parallel_for.h>

#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>

#include "attnviz/checkpoint.h"
#include "attnviz/error.h"
#include "attnviz/file.h"
#include "attnviz/run.h"
#include "run/output.h"
#include "text/utf8.h"

namespace attnviz {
namespace {

namespace fs = std::filesystem;
using Timings = std::vector<std::pair<std::string, double>>;

/// Runs `stage` and notes its time under `name`.
template <typename Stage>
auto timed(Timings& timings, const char* name, Stage stage) {
  const auto start = std::chrono::steady_clock::now();
  auto result = stage();
  const std::chrono::duration<double, std::milli> time = std::chrono::steady_clock::now() - start;
  timings.emplace_back(name, time.count());
  return result;
}

using Layout = Drawing (*)(const AttentionPatterns&, std::span<const Label>, const std::string&,
                           const FigureOptions&);

struct FigureKind {
  Layout layout;
  const char* name;
};
constexpr FigureKind kFigures[] = {{layout_grid, "all_layers_heads"},
                                   {layout_layer_averages, "avg_per_layer"},
                                   {layout_last_layer, "last_layer_detailed"}};

std::string joined(const char* name, const std::vector<int>& numbers) {
  std::string text = numbers.empty() ? "" : std::string("_") + name;
  for (const int number : numbers) text += "_" + std::to_string(number);
  return text;
}

/// `_layer_2_head_0_1` where only those are drawn, so that no picture of all is replaced.
std::string choice_name(const FigureOptions& options) {
  return joined("layer", options.layers) + joined("head", options.heads);
}

std::string numbering(const Shown& shown) {
  std::string text = "layers and heads count from 0, L1H2 is head 2 of layer 1; heads per layer:";
  for (const std::int64_t n : shown.n_heads) text += " " + std::to_string(n);
  if (shown.kept.empty()) return text;
  return text +
         "; of a pruned model, those left: " + to_string(all_heads(shown.n_heads, shown.kept));
}

/// What a picture or a tensor file says of its origin. No path and no time: the same run gives the
/// same bytes everywhere.
std::vector<std::pair<std::string, std::string>> origin(const Shown& shown, const Model& model) {
  return {{"Software", "attnviz " + version()},
          {"attnviz:text", printable(shown.text)},
          {"attnviz:model", printable(model.path().filename().string())},
          {"attnviz:heads", numbering(shown)}};
}

void save_attention(const fs::path& path, const Shown& shown, const AttentionPatterns& patterns,
                    const Model& model) {
  std::vector<NamedTensor> tensors;
  for (std::size_t layer = 0; layer < patterns.layers.size(); ++layer) {
    tensors.push_back({"layer_" + std::to_string(layer), patterns.layers[layer]});
  }
  tensors.push_back({"ids", at::tensor(shown.ids, at::kLong)});
  write_safetensors(path, tensors, origin(shown, model));
}

struct File {
  fs::path path;
  std::string bytes;
};

std::vector<File> draw(const Shown& shown, const AttentionPatterns& patterns,
                       const std::vector<Label>& labels, const ShowOptions& options,
                       const std::string& prefix, const Model& model) {
  const auto texts = origin(shown, model);
  std::vector<File> files(std::size(kFigures));
  tbb::parallel_for(std::size_t{0}, files.size(), [&](std::size_t i) {
    const Drawing drawing = kFigures[i].layout(patterns, labels, shown.text, options.figure);
    files[i] = {options.out_dir / (prefix + choice_name(options.figure) + "_attention_" +
                                   kFigures[i].name + ".png"),
                encode_png(paint(drawing), options.figure.dpi, texts)};
  });
  return files;
}

void remove(const std::vector<fs::path>& files) {
  std::error_code ignored;
  for (const fs::path& file : files) fs::remove(file, ignored);
}

}  // namespace

Visualizer::Visualizer(ShowOptions options)
    : options_(std::move(options)),
      tokenizer_(timed(load_timings_, "load_vocabulary",
                       [&] {
                         return Tokenizer(options_.vocabulary.empty() ? built_in_vocabulary()
                                                                      : options_.vocabulary);
                       })),
      model_(timed(load_timings_, "load_model", [&] {
        return Model(options_.model.empty() ? built_in_model() : options_.model, options_.capture);
      })) {}

Shown Visualizer::show(const std::string& text, const std::string& prefix) {
  check_prefix(prefix);
  if (text.empty()) throw TextError("the text is empty; give some words to attend to");
  require_utf8(text);
  Shown shown;
  shown.text = text;
  shown.timings_ms = load_timings_;
  Timings& timings = shown.timings_ms;
  shown.ids = timed(timings, "tokenize", [&] { return tokenizer_.encode(text); });
  if (options_.max_tokens && shown.ids.size() > std::size_t(*options_.max_tokens)) {
    shown.n_tokens_cut = shown.ids.size() - std::size_t(*options_.max_tokens);
    shown.ids.resize(std::size_t(*options_.max_tokens));
    // What is drawn and written down is the text that was attended to; a cut may split a character.
    shown.text = tokenizer_.decode(shown.ids);
    shown.text.resize(text::valid_prefix(shown.text));
  }
  const std::vector<Label> labels = token_labels(tokenizer_, shown.ids);
  for (const Label& label : labels) shown.tokens.push_back(plain(label));
  const AttentionPatterns patterns = timed(timings, "attention", [&] {
    return check_patterns(model_.capture(shown.ids), model_.kept_heads());
  });
  shown.capture = model_.capture_mode();
  shown.kept = model_.kept_heads();
  for (std::int64_t l = 0; l < patterns.n_layers(); ++l) {
    shown.n_heads.push_back(patterns.n_heads(l));
  }
  const std::vector<File> files = timed(
      timings, "figures", [&] { return draw(shown, patterns, labels, options_, prefix, model_); });
  try {
    if (!options_.save_attention.empty()) {
      save_attention(options_.save_attention, shown, patterns, model_);
      shown.files.push_back(options_.save_attention);
    }
    for (const File& file : files) {
      write_file_atomically(file.path, file.bytes);
      shown.files.push_back(file.path);
    }
  } catch (...) {
    remove(shown.files);
    throw;
  }
  // The pictures come first in every list.
  if (!options_.save_attention.empty()) {
    std::rotate(shown.files.begin(), shown.files.begin() + 1, shown.files.end());
  }
  return shown;
}

Shown visualize_attention(const std::string& text, const std::string& prefix,
                          const ShowOptions& options) {
  return Visualizer(options).show(text, prefix);
}

std::string to_json(const Shown& shown) {
  nlohmann::ordered_json json;
  json["attnviz"] = version();
  json["text"] = shown.text;
  json["tokens"] = shown.tokens;
  json["ids"] = shown.ids;
  json["tokens_cut"] = shown.n_tokens_cut;
  json["layers"] = shown.n_heads.size();
  json["heads"] = shown.n_heads;
  if (!shown.kept.empty()) json["head_numbers"] = shown.kept;
  json["capture"] = to_string(shown.capture);
  json["files"] = nlohmann::json::array();
  for (const fs::path& file : shown.files) json["files"].push_back(file.string());
  for (const auto& [stage, time] : shown.timings_ms) json["timings_ms"][stage] = time;
  // A path may hold bytes that are no UTF-8; JSON cannot.
  return json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace attnviz
