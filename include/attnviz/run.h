#pragma once

#include <cstddef>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "attnviz/attention.h"
#include "attnviz/contents.h"
#include "attnviz/dump.h"
#include "attnviz/figure.h"
#include "attnviz/generate.h"
#include "attnviz/gpt.h"
#include "attnviz/import.h"
#include "attnviz/model.h"
#include "attnviz/page.h"
#include "attnviz/text.h"
#include "attnviz/train.h"

namespace attnviz {

[[nodiscard]] std::string version();

/// The model and vocabulary that come with attnviz: models/demo.pt and vocab/gpt2 in the folder
/// named by ATTNVIZ_DATA, else in share/attnviz beside the program's bin folder, else where the
/// library was installed (programs of your own need the variable once that was moved). Throws
/// FileError naming the places that were looked at.
[[nodiscard]] std::filesystem::path built_in_model();
[[nodiscard]] std::filesystem::path built_in_vocabulary();

/// A file name made from a text: `To be, or not` → `to_be_or_not`. At most 40 characters of a-z,
/// 0-9 and `_`; where that drops words or whole scripts, eight hexadecimal digits of a hash follow.
[[nodiscard]] std::string prefix_from(const std::string& text);

/// Texts given as token ids: `5,3,8`, or the name of a JSON file, which holds a list of ids, a list
/// of such lists, or an object whose "ids" is either. One text a list, none of them empty. Throws
/// UsageError (no ids, and no file either), FileError, TextError (what the file holds).
[[nodiscard]] std::vector<TokenIds> read_ids(const std::string& list_or_file);

/// A file's last newline ends its last line; it is not part of what was written.
[[nodiscard]] std::string without_last_newline(std::string text);

/// The pictures that a text has.
enum class FigureKind { grid, average, last };
[[nodiscard]] constexpr std::string_view to_string(FigureKind kind) {
  constexpr std::string_view kNames[] = {"grid", "average", "last"};
  return kNames[static_cast<std::size_t>(kind)];
}

struct ShowOptions {
  std::filesystem::path out_dir = ".";
  std::filesystem::path model;       ///< empty: built_in_model()
  std::filesystem::path vocabulary;  ///< empty: built_in_vocabulary()
  /// Texts are given as token ids. Then a vocabulary is used only where one is named, and without
  /// one tokens are labelled by their ids.
  bool by_ids = false;
  ModelOptions capture;
  std::optional<std::int64_t> max_tokens;   ///< at least 1; longer texts are cut there
  std::optional<GenerateOptions> generate;  ///< the model goes on with the text, and all is shown
  /// A file of patterns that are shown instead of a text's by a model (see dump.h); empty: none.
  /// Then a vocabulary is used only where one is named.
  std::filesystem::path attention;
  DumpOptions dump;
  bool merge_words = false;  ///< show words instead of tokens
  std::vector<FigureKind> figures = {FigureKind::grid, FigureKind::average, FigureKind::last};
  FigureOptions figure;
  /// A safetensors file of the (chosen) heads' patterns as they were computed, whatever the figures
  /// show of them, as write_attention has it; empty: none.
  std::filesystem::path save_attention;
  /// A page to explore the patterns in, one HTML file that needs nothing else; empty: none.
  std::filesystem::path html;
  /// What `attnviz heads --json` wrote of the model, for the page to show; empty: nothing.
  std::filesystem::path findings;
};

/// A key, and how much of a query's attention it has.
struct KeyRead {
  std::int64_t position = 0;
  std::string token;
  double weight = 0;
};

/// A token that the model went on with.
struct Continuation {
  GeneratedToken generated;
  std::string token;  ///< as it is labelled in the figures
  /// What the query before it, whose prediction it was, attended to most: a mean over the (chosen)
  /// heads of all layers, the strongest five keys, best first.
  std::vector<KeyRead> read;
};

/// What was made of one text.
struct Shown {
  std::string text;                 ///< as far as it was not cut, and what the model went on with
  TokenIds ids;                     ///< of the keys; empty where a file of patterns has none
  std::vector<std::string> tokens;  ///< of the keys, as they are labelled in the figures
  std::vector<std::string> queries = {};  ///< likewise, where they are others
  bool has_tokens = true;                 ///< else the labels are numbers
  std::size_t n_tokens_cut = 0;           ///< left out because of max_tokens
  std::optional<std::int64_t> n_prompt;   ///< tokens before those that the model went on with
  std::vector<Continuation> generated;
  std::vector<std::int64_t> n_heads;  ///< of each layer
  KeptHeads kept;       ///< which heads these are, where some were pruned or not chosen
  std::string capture;  ///< graph, observe, method, or file
  std::string model;    ///< what a file of patterns says of it
  std::vector<std::string> remarks;          ///< on such a file, for the user to know
  std::vector<std::filesystem::path> files;  ///< written, in order
  /// Stage, milliseconds; load_vocabulary and load_model go on side by side.
  std::vector<std::pair<std::string, double>> timings_ms;
};

/// One model and one vocabulary, loaded once, for any number of texts.
class Visualizer {
 public:
  /// Throws what Tokenizer and Model throw. Of the options `attention` is not looked at.
  explicit Visualizer(ShowOptions options);
  ~Visualizer();
  Visualizer(Visualizer&&) noexcept;
  Visualizer& operator=(Visualizer&&) noexcept;

  /// Writes PREFIX_attention_all_layers_heads.png, PREFIX_attention_avg_per_layer.png and
  /// PREFIX_attention_last_layer_detailed.png (those that were chosen) to out_dir, and
  /// save_attention and html; with chosen layers or heads PREFIX_layer_2_head_0_1_attention..., and
  /// likewise for words, first keys left out, and strongest keys. All of them are written, whole,
  /// or none. Throws TextError (empty, not UTF-8), UsageError (a prefix that is empty or has a / in
  /// it), and what the stages throw.
  Shown show(const std::string& text, const std::string& prefix);

  /// Likewise of a text that is given as token ids. Throws TextError for none.
  Shown show(const TokenIds& ids, const std::string& prefix);

 private:
  template <typename MakeShown>
  Shown show_made(MakeShown make_shown, const std::string& prefix);

  struct Loaded;
  std::unique_ptr<Loaded> loaded_;
};

/// The same of options.attention, a file of patterns; no model is loaded. Throws what
/// read_attention throws, too, and UsageError for max_tokens and generate, which are of texts.
Shown show_attention(const std::string& prefix, const ShowOptions& options);

/// All in one call: attnviz::visualize_attention("The cat sat on the mat", "cat");
Shown visualize_attention(const std::string& text, const std::string& prefix,
                          const ShowOptions& options = {});

/// One JSON object: attnviz (its version), text, tokens, queries (where they are others), ids
/// (where they are known), tokens_cut (how many max_tokens left out), prompt_tokens and generated
/// (id, token, probability, read: position, token and weight of the keys read most) of a text that
/// the model went on with, layers, heads (of each layer), head_numbers where some were pruned or
/// not chosen, capture, files, timings_ms (by stage).
[[nodiscard]] std::string to_json(const Shown& shown);

struct TrainRunOptions {
  std::vector<std::filesystem::path> texts;
  std::filesystem::path out;
  std::filesystem::path vocabulary;  ///< empty: built_in_vocabulary()
  std::int64_t n_layers = 6, n_heads = 8, d_model = 128;
  /// A model that attnviz made, to go on with instead of a new one; its shape is kept and no blocks
  /// alone come before the text. Empty: none.
  std::filesystem::path from;
  TrainOptions train;
  double held_out = 0.05;            ///< share at the end of every text that is never trained on
  std::int64_t measure_every = 500;  ///< steps; each time the model is saved, too
};

/// The head that scores highest, and its score.
struct BestHead {
  HeadId head;
  double score = 0;
};

/// What a model has learned so far, measured on text that it was not trained on.
struct TrainMeasure {
  std::int64_t step = 0;
  double held_out_loss = 0;  ///< nats per token, over the whole vocabulary
  /// On held-out windows of text; none where no text is as long as a window.
  std::optional<BestHead> previous_token, current_token, first_token;
  /// On repeated blocks of random tokens, of 8 to half a window.
  std::optional<BestHead> induction;
};

/// Tokenizes `texts`, trains a model from nothing and saves it, in half precision, before every
/// measure and at the end, also when on_step stops it; until then an older file at `out` is left as
/// it is. Throws what its parts throw; whether `out` can be written is tried before any work.
TrainMeasure run_training(const TrainRunOptions& options,
                          const std::function<bool(const TrainProgress&)>& on_step,
                          const std::function<void(const TrainMeasure&)>& on_measure);

/// The measures of any model made by build_gpt, on texts of at least `context` tokens. kept: which
/// heads it still has.
[[nodiscard]] TrainMeasure measure_gpt(torch::jit::Module& gpt, const std::vector<TokenIds>& texts,
                                       std::int64_t context, const KeptHeads& kept = {});

struct ImportRunOptions {
  std::filesystem::path checkpoint;
  std::filesystem::path out;
  ImportOptions import;
  Precision precision = Precision::single;
};

/// Imports a checkpoint and saves it as a model. Throws what import_gpt and save_gpt throw; whether
/// `out` can be written is tried before any work.
ImportedGpt run_import(const ImportRunOptions& options);

struct Prediction {
  TokenId id = 0;
  std::string token;       ///< as it is labelled in the figures
  double probability = 0;  ///< of coming next
};

/// What a model makes of a text, for a person to see whether it is alive.
struct Predictions {
  std::vector<Prediction> next;  ///< the most probable ones after the text, best first
  std::int64_t n_predicted = 0;  ///< tokens of the text after its first
  double loss = 0;               ///< nats per predicted token; 0 where there is none
  double chance_loss = 0;        ///< ln of the vocabulary's size: of a model that knows nothing
};

/// Throws what Model::logits and Tokenizer::encode throw, and TextError for an empty text.
[[nodiscard]] Predictions predict(Model& model, const Tokenizer& tokenizer, const std::string& text,
                                  std::size_t n_next = 5);

/// One JSON object: file, file_bytes, tensor_bytes, operators, effects, was_run; of a model that
/// was run made_by_attnviz, layers, heads (of each layer), d_model, parameters, positions,
/// vocabulary, weight_sets, weight_types, norm_epsilons, capture, null where it does not show them;
/// and where attnviz made it provenance, and which heads were pruned, masked and reset where some
/// were.
[[nodiscard]] std::string to_json(const ModelContents& contents,
                                  const std::optional<ModelInfo>& info,
                                  const std::filesystem::path& path);

}  // namespace attnviz
