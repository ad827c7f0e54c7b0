#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "attnviz/run.h"
#include "run/source.h"

namespace attnviz {

// The stages of one text, for whoever runs one text or many: text → tokens → patterns → figures.

/// The text that is given, or, where a file is named, that file's. Throws FileError.
[[nodiscard]] std::string text_or_file(const std::string& text, const std::filesystem::path& file);

/// Of a vocabulary's folder; none where it is empty. Throws what Tokenizer throws.
[[nodiscard]] std::optional<Tokenizer> tokenizer_of(const std::filesystem::path& vocabulary);

/// The text of ids, which may end within a character; what is written down is UTF-8, and without
/// it. Without a tokenizer the ids themselves: `5 3 8`.
[[nodiscard]] std::string whole_text(const Tokenizer* tokenizer, const TokenIds& ids);

/// Null where there is none.
[[nodiscard]] const Tokenizer* pointer_to(const std::optional<Tokenizer>& tokenizer);

/// The attention of one text, wherever it comes from.
struct Attended {
  Shown shown;
  AttentionPatterns patterns;  ///< of the chosen heads
  SideTokens queries, keys;
};

/// What the model captures, checked. Throws what Model::capture and check_patterns throw.
[[nodiscard]] AttentionPatterns patterns_of(Model& model, const TokenIds& ids);

/// Fills text, ids and n_tokens_cut. Throws TextError (empty, not UTF-8).
[[nodiscard]] Shown tokenize(const std::string& text, const Tokenizer& tokenizer,
                             std::optional<std::int64_t> max_tokens);

/// Likewise of a text given as ids; without a tokenizer its text is the ids themselves.
[[nodiscard]] Shown take_ids(TokenIds ids, const Tokenizer* tokenizer,
                             std::optional<std::int64_t> max_tokens);

/// Runs the model on what tokenize or take_ids gave. tokenizer: null labels tokens by their ids.
/// Throws what Model::capture, check_patterns and
/// select_heads throw.
[[nodiscard]] Attended attend(Shown shown, Model& model, const Tokenizer* tokenizer,
                              const HeadChoice& choice);

/// The same, after the model has gone on with the text. Throws also what generate throws.
[[nodiscard]] Attended continue_text(Shown shown, Model& model, const Tokenizer* tokenizer,
                                     const GenerateOptions& generation, const HeadChoice& choice);

/// The same of a file. Tokens are named by the file, or by the vocabulary where it holds ids, or
/// they are the numbers of ids or positions. Throws what read_attention and select_heads throw, and
/// VocabularyError for ids beyond the vocabulary.
[[nodiscard]] Attended read_attended(const std::filesystem::path& path, const DumpOptions& options,
                                     const std::optional<Tokenizer>& tokenizer,
                                     const HeadChoice& choice);

/// For scores that ask which tokens are the same, and for comparisons: those that are known, or a
/// hash of each token's bytes. Throws ShapeError where queries and keys are not the same tokens.
[[nodiscard]] TokenIds token_ids(const Attended& attended);

/// The pieces of each word, joined.
[[nodiscard]] std::vector<std::string> words_of(const std::vector<std::string>& pieces);

/// What figures and pages show. Throws UsageError where words are wanted of what has no tokens.
[[nodiscard]] View view_of(const Attended& attended, bool merge_words);

/// The names of the figures' files, in the order of `figures`, each in all formats:
/// PREFIX_attention_...png
[[nodiscard]] std::vector<std::string> figure_names(const std::string& prefix,
                                                    const ShowOptions& options);

/// The bytes of those files. Figures are drawn side by side.
[[nodiscard]] std::vector<std::string> draw_figures(const Attended& attended, const View& view,
                                                    const ShowOptions& options,
                                                    const Source& source);

/// One of them.
[[nodiscard]] Drawing layout(FigureKind kind, const View& view, const FigureOptions& options);

/// Writes a safetensors file as ShowOptions::save_attention says.
void save_attention(const std::filesystem::path& path, const Attended& attended,
                    const Source& source);

}  // namespace attnviz
