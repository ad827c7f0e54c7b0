#include "run/one_text.h"

#include <ATen/ATen.h>
#include <tbb/parallel_for.h>
#include <tbb/task_arena.h>

#include <algorithm>
#include <numeric>

#include "attnviz/error.h"
#include "attnviz/file.h"
#include "dump/stored.h"
#include "run/one_thread.h"
#include "run/output.h"
#include "run/picture_record.h"
#include "text/utf8.h"

namespace attnviz {
namespace {

/// For the user and below figures.
constexpr char kSinkNote[] = "rows sum to less than 1: a sink that is not a token takes the rest";

using Layout = Drawing (*)(const View&, const FigureOptions&);

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
std::string choice_name(const HeadChoice& choice) {
  std::string name = joined("layer", choice.layers) + joined("head", choice.heads);
  for (const HeadId head : choice.only) name += "_" + to_string(head);
  constexpr std::size_t kMost = 80, kDigits = 8;
  return name.size() <= kMost ? name : "_chosen_" + sha256_of(name).substr(0, kDigits);
}

/// Likewise for what shows the numbers in another way.
std::string view_name(const ShowOptions& options) {
  const Focus& focus = options.figure.focus;
  return (options.generate ? "_continued_" + std::to_string(options.generate->n_tokens) : "") +
         std::string(options.merge_words ? "_words" : "") +
         (focus.drop_first ? "_without_first" : "") +
         (focus.top > 0 ? "_top_" + std::to_string(focus.top) : "");
}

std::vector<std::string> plain_labels(const std::vector<std::string>& pieces) {
  std::vector<std::string> labels;
  for (const Label& label : piece_labels(pieces)) labels.push_back(plain(label));
  return labels;
}

/// The text, without the space that some tokenizers begin it with.
std::string joined(const std::vector<std::string>& pieces) {
  const std::string text = std::accumulate(pieces.begin(), pieces.end(), std::string());
  return printable(text.starts_with(' ') ? text.substr(1) : text);
}

/// What a token was chosen by: the query before it, as a mean over the heads of all layers.
std::vector<KeyRead> strongest_keys(const AttentionPatterns& patterns, std::int64_t query,
                                    const std::vector<std::string>& tokens) {
  constexpr std::size_t kMost = 5;
  at::Tensor sum = at::zeros({patterns.n_keys()}, at::kDouble);
  std::int64_t n_heads = 0;
  for (const at::Tensor& layer : patterns.layers) {
    sum.add_(layer.select(1, query).sum(0, /*keepdim=*/false, at::kDouble));
    n_heads += layer.size(0);
  }
  std::vector<KeyRead> keys;
  for (std::int64_t k = 0; k <= query; ++k) {
    keys.push_back({k, tokens[std::size_t(k)], sum[k].item<double>() / double(n_heads)});
  }
  std::stable_sort(keys.begin(), keys.end(),
                   [](const KeyRead& a, const KeyRead& b) { return a.weight > b.weight; });
  if (keys.size() > kMost) keys.resize(kMost);
  return keys;
}

SideTokens named_tokens(SideTokens tokens, std::int64_t n, std::int64_t first,
                        const Tokenizer* tokenizer, bool& are_named) {
  if (!tokens.pieces.empty()) return tokens;
  if (!tokens.ids.empty() && tokenizer) {
    tokens.pieces = token_pieces(*tokenizer, tokens.ids);
    return tokens;
  }
  are_named = false;
  for (std::int64_t i = 0; i < n; ++i) {
    tokens.pieces.push_back(
        std::to_string(tokens.ids.empty() ? first + i : tokens.ids[std::size_t(i)]));
  }
  return tokens;
}

/// Whether that left some out.
bool cut(Shown& shown, std::optional<std::int64_t> max_tokens) {
  if (!max_tokens || shown.ids.size() <= std::size_t(*max_tokens)) return false;
  shown.n_tokens_cut = shown.ids.size() - std::size_t(*max_tokens);
  shown.ids.resize(std::size_t(*max_tokens));
  return true;
}

void fill_heads(Shown& shown, const AttentionPatterns& patterns) {
  shown.kept = patterns.kept;
  shown.n_heads.clear();
  for (std::int64_t l = 0; l < patterns.n_layers(); ++l) {
    shown.n_heads.push_back(patterns.n_heads(l));
  }
}

}  // namespace

std::string text_or_file(const std::string& text, const std::filesystem::path& file) {
  return file.empty() ? text : without_last_newline(read_file(file));
}

std::optional<Tokenizer> tokenizer_of(const std::filesystem::path& vocabulary) {
  return vocabulary.empty() ? std::nullopt : std::optional<Tokenizer>(std::in_place, vocabulary);
}

const Tokenizer* pointer_to(const std::optional<Tokenizer>& tokenizer) {
  return tokenizer ? &*tokenizer : nullptr;
}

std::string whole_text(const Tokenizer* tokenizer, const TokenIds& ids) {
  std::string text;
  if (tokenizer == nullptr) {
    for (const TokenId id : ids) text += (text.empty() ? "" : " ") + std::to_string(id);
    return text;
  }
  text = tokenizer->decode(ids);
  text.resize(text::valid_prefix(text));
  return text;
}

AttentionPatterns patterns_of(Model& model, const TokenIds& ids) {
  std::vector<at::Tensor> layers = model.capture(ids);
  return check_patterns(std::move(layers), model.kept_heads(), model.has_sinks());
}

Shown tokenize(const std::string& text, const Tokenizer& tokenizer,
               std::optional<std::int64_t> max_tokens) {
  if (text.empty()) throw TextError("the text is empty; give some words to attend to");
  require_utf8(text);
  Shown shown;
  shown.text = text;
  shown.ids = tokenizer.encode(text);
  // What is drawn and written down is the text that was attended to.
  if (cut(shown, max_tokens)) shown.text = whole_text(&tokenizer, shown.ids);
  return shown;
}

Shown take_ids(TokenIds ids, const Tokenizer* tokenizer, std::optional<std::int64_t> max_tokens) {
  if (ids.empty()) throw TextError("there are no token ids to attend to");
  Shown shown;
  shown.ids = std::move(ids);
  (void)cut(shown, max_tokens);
  if (tokenizer == nullptr) {
    shown.text = whole_text(nullptr, shown.ids);
  } else {
    (void)token_pieces(*tokenizer, shown.ids);  // says which ids the vocabulary lacks
    shown.text = whole_text(tokenizer, shown.ids);
  }
  return shown;
}

Attended attend(Shown shown, Model& model, const Tokenizer* tokenizer, const HeadChoice& choice) {
  const OneBlasThread one_thread;
  Attended attended;
  attended.patterns = select_heads(patterns_of(model, shown.ids), choice);
  attended.keys =
      named_tokens({{}, shown.ids}, attended.patterns.n_keys(), 0, tokenizer, shown.has_tokens);
  attended.queries = attended.keys;
  shown.tokens = plain_labels(attended.keys.pieces);
  shown.capture = to_string(model.capture_mode());
  if (attended.patterns.has_sinks) {
    shown.remarks.emplace_back(kSinkNote);
  }
  fill_heads(shown, attended.patterns);
  attended.shown = std::move(shown);
  return attended;
}

Attended continue_text(Shown shown, Model& model, const Tokenizer* tokenizer,
                       const GenerateOptions& generation, const HeadChoice& choice) {
  const OneBlasThread one_thread;
  const std::vector<GeneratedToken> more = generate(model, shown.ids, generation);
  const std::size_t n_prompt = shown.ids.size();
  for (const GeneratedToken& token : more) shown.ids.push_back(token.id);
  shown.text = whole_text(tokenizer, shown.ids);
  shown.n_prompt = std::int64_t(n_prompt);
  Attended attended = attend(std::move(shown), model, tokenizer, choice);
  const std::vector<std::string>& tokens = attended.shown.tokens;
  for (std::size_t i = 0; i < more.size(); ++i) {
    const std::size_t place = n_prompt + i;
    attended.shown.generated.push_back(
        {more[i], tokens[place],
         strongest_keys(attended.patterns, std::int64_t(place) - 1, tokens)});
  }
  return attended;
}

Attended read_attended(const std::filesystem::path& path, const DumpOptions& options,
                       const std::optional<Tokenizer>& tokenizer, const HeadChoice& choice) {
  AttentionDump dump = read_attention(path, options);
  Attended attended;
  attended.patterns = select_heads(std::move(dump.patterns), choice);
  const AttentionPatterns& patterns = attended.patterns;
  Shown& shown = attended.shown;
  bool are_named = true;
  const Tokenizer* names = pointer_to(tokenizer);
  attended.keys = named_tokens(std::move(dump.keys), patterns.n_keys(), 0, names, are_named);
  const std::int64_t first = patterns.causal ? patterns.n_keys() - patterns.n_queries() : 0;
  attended.queries =
      named_tokens(std::move(dump.queries), patterns.n_queries(), first, names, are_named);
  shown.has_tokens = are_named;
  shown.text = dump.text;
  if (shown.text.empty() && are_named) {
    shown.text = joined(attended.keys.pieces);
    // Of a cache's queries the text is the same; those of a decoder have their own.
    if (!patterns.causal && attended.queries.pieces != attended.keys.pieces) {
      shown.text = joined(attended.queries.pieces) + " → " + shown.text;
    }
  }
  if (shown.text.empty()) shown.text = printable(path.filename().string());
  shown.ids = attended.keys.ids;
  shown.tokens = plain_labels(attended.keys.pieces);
  if (attended.queries.pieces != attended.keys.pieces) {
    shown.queries = plain_labels(attended.queries.pieces);
  }
  shown.model = dump.model;
  shown.n_prompt = dump.n_prompt;
  shown.capture = "file";
  shown.remarks = std::move(dump.remarks);
  fill_heads(shown, patterns);
  return attended;
}

TokenIds token_ids(const Attended& attended) {
  if (attended.queries.pieces != attended.keys.pieces) {
    throw ShapeError("its queries and keys are not the same tokens, so no scores can be taken");
  }
  if (!attended.keys.ids.empty()) return attended.keys.ids;
  constexpr std::size_t kDigits = 15;  // as many as an id holds
  TokenIds ids;
  for (const std::string& piece : attended.keys.pieces) {
    ids.push_back(std::stoll(sha256_of(piece).substr(0, kDigits), nullptr, 16));
  }
  return ids;
}

std::vector<std::string> words_of(const std::vector<std::string>& pieces) {
  std::vector<std::string> words;
  const std::vector<std::size_t> starts = word_starts(pieces);
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    if (std::binary_search(starts.begin(), starts.end(), i)) words.emplace_back();
    words.back() += pieces[i];
  }
  return words;
}

View view_of(const Attended& attended, bool merge_words) {
  View view{attended.patterns, piece_labels(attended.queries.pieces),
            piece_labels(attended.keys.pieces), attended.shown.text, attended.shown.n_prompt};
  if (attended.patterns.has_sinks) {
    view.notes.emplace_back(kSinkNote);
  }
  if (!merge_words) return view;
  if (!attended.shown.has_tokens) {
    throw UsageError(
        "there are no tokens to merge into words; --vocab names those of ids, and a file of "
        "patterns or --tokens its own");
  }
  view = attnviz::merge_words(std::move(view), word_starts(attended.queries.pieces),
                              word_starts(attended.keys.pieces));
  // Of the whole word: its pieces may end within a character.
  view.queries = piece_labels(words_of(attended.queries.pieces));
  view.keys = piece_labels(words_of(attended.keys.pieces));
  return view;
}

std::vector<std::string> figure_names(const std::string& prefix, const ShowOptions& options) {
  std::vector<std::string> names;
  for (const FigureKind kind : options.figures) {
    for (const FileFormat format : options.figure.formats) {
      names.push_back(prefix + choice_name(options.figure.choice) + view_name(options) +
                      "_attention_" + info_of(kind).in_file_name + "." +
                      std::string(to_string(format)));
    }
  }
  return names;
}

std::vector<std::string> draw_figures(const Attended& attended, const View& view,
                                      const ShowOptions& options, const Source& source) {
  const FigureOptions& figure = options.figure;
  const std::size_t n_formats = figure.formats.size();
  std::vector<std::string> pictures(options.figures.size() * n_formats);
  // Isolated: a thread that waits for the other figures must not begin with another text.
  tbb::this_task_arena::isolate([&] {
    tbb::parallel_for(std::size_t{0}, options.figures.size(), [&](std::size_t i) {
      const FigureKind kind = options.figures[i];
      const Drawing drawing = layout(kind, view, figure);
      const Texts texts = record_of(kind, attended, view, options, source);
      for (std::size_t j = 0; j < n_formats; ++j) {
        pictures[i * n_formats + j] = encode(drawing, figure.formats[j], figure.dpi, texts);
      }
    });
  });
  return pictures;
}

Drawing layout(FigureKind kind, const View& view, const FigureOptions& options) {
  return info_of(kind).layout(view, options);
}

void save_attention(const std::filesystem::path& path, const Attended& attended,
                    const Source& source) {
  const bool has_tokens = attended.shown.has_tokens;
  Texts texts = origin(attended, source);
  if (const auto& n_prompt = attended.shown.n_prompt) {
    texts.emplace_back(dump::kPrompt, std::to_string(*n_prompt));
  }
  const auto told = [has_tokens](const SideTokens& side) {
    return has_tokens ? side : SideTokens{{}, side.ids};
  };
  write_attention(path, attended.patterns, told(attended.queries), told(attended.keys), texts);
}

}  // namespace attnviz
