#include "run/one_text.h"

#include <ATen/ATen.h>
#include <tbb/parallel_for.h>
#include <tbb/task_arena.h>

#include "attnviz/checkpoint.h"
#include "attnviz/error.h"
#include "attnviz/file.h"
#include "run/output.h"
#include "text/utf8.h"

namespace attnviz {
namespace {

using Layout = Drawing (*)(const AttentionPatterns&, std::span<const Label>, const std::string&,
                           const FigureOptions&);

/// In the order of FigureKind.
struct FigureInfo {
  Layout layout;
  const char* in_file_name;
};
constexpr FigureInfo kFigures[] = {{layout_grid, "all_layers_heads"},
                                   {layout_layer_averages, "avg_per_layer"},
                                   {layout_last_layer, "last_layer_detailed"}};

const FigureInfo& info_of(FigureKind kind) {
  return kFigures[static_cast<std::size_t>(kind)];
}

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

}  // namespace

std::string text_or_file(const std::string& text, const std::filesystem::path& file) {
  return file.empty() ? text : without_last_newline(read_file(file));
}

Shown tokenize(const std::string& text, const Tokenizer& tokenizer,
               std::optional<std::int64_t> max_tokens) {
  if (text.empty()) throw TextError("the text is empty; give some words to attend to");
  require_utf8(text);
  Shown shown;
  shown.text = text;
  shown.ids = tokenizer.encode(text);
  if (max_tokens && shown.ids.size() > std::size_t(*max_tokens)) {
    shown.n_tokens_cut = shown.ids.size() - std::size_t(*max_tokens);
    shown.ids.resize(std::size_t(*max_tokens));
    // What is drawn and written down is the text that was attended to; a cut may split a character.
    shown.text = tokenizer.decode(shown.ids);
    shown.text.resize(text::valid_prefix(shown.text));
  }
  return shown;
}

AttentionPatterns attend(Shown& shown, Model& model) {
  AttentionPatterns patterns = check_patterns(model.capture(shown.ids), model.kept_heads());
  shown.capture = model.capture_mode();
  shown.kept = model.kept_heads();
  for (std::int64_t l = 0; l < patterns.n_layers(); ++l) {
    shown.n_heads.push_back(patterns.n_heads(l));
  }
  return patterns;
}

std::vector<std::string> figure_names(const std::string& prefix,
                                      const std::vector<FigureKind>& figures,
                                      const FigureOptions& options) {
  std::vector<std::string> names;
  for (const FigureKind kind : figures) {
    for (const FileFormat format : options.formats) {
      names.push_back(prefix + choice_name(options) + "_attention_" + info_of(kind).in_file_name +
                      "." + std::string(to_string(format)));
    }
  }
  return names;
}

std::vector<std::string> draw_figures(const Shown& shown, const AttentionPatterns& patterns,
                                      const std::vector<Label>& labels,
                                      const std::vector<FigureKind>& figures,
                                      const FigureOptions& options,
                                      const std::filesystem::path& model) {
  const auto texts = origin(shown, model);
  const std::size_t n_formats = options.formats.size();
  std::vector<std::string> pictures(figures.size() * n_formats);
  // Isolated: a thread that waits for the other figures must not begin with another text.
  tbb::this_task_arena::isolate([&] {
    tbb::parallel_for(std::size_t{0}, figures.size(), [&](std::size_t i) {
      const Drawing drawing = info_of(figures[i]).layout(patterns, labels, shown.text, options);
      for (std::size_t j = 0; j < n_formats; ++j) {
        pictures[i * n_formats + j] = encode(drawing, options.formats[j], options.dpi, texts);
      }
    });
  });
  return pictures;
}

std::uint64_t n_pixels_of(FigureKind kind, const AttentionPatterns& patterns,
                          const std::vector<Label>& labels, const FigureOptions& options) {
  const Drawing drawing = info_of(kind).layout(patterns, labels, "", options);
  return static_cast<std::uint64_t>(drawing.width) * static_cast<std::uint64_t>(drawing.height);
}

void save_attention(const std::filesystem::path& path, const Shown& shown,
                    const AttentionPatterns& patterns, const std::filesystem::path& model) {
  std::vector<NamedTensor> tensors;
  for (std::size_t layer = 0; layer < patterns.layers.size(); ++layer) {
    tensors.push_back({"layer_" + std::to_string(layer), patterns.layers[layer]});
  }
  tensors.push_back({"ids", at::tensor(shown.ids, at::kLong)});
  write_safetensors(path, tensors, origin(shown, model));
}

std::vector<std::pair<std::string, std::string>> origin(const Shown& shown,
                                                        const std::filesystem::path& model) {
  return {{"Software", "attnviz " + version()},
          {"attnviz:text", printable(shown.text)},
          {"attnviz:model", printable(model.filename().string())},
          {"attnviz:heads", numbering(shown)}};
}

}  // namespace attnviz
