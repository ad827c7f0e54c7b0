#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "attnviz/run.h"

namespace attnviz {

// The stages of one text, for whoever runs one text or many: text → tokens → patterns → figures.

/// The text that is given, or, where a file is named, that file's. Throws FileError.
[[nodiscard]] std::string text_or_file(const std::string& text, const std::filesystem::path& file);

/// Fills text, ids, tokens and n_tokens_cut. Throws TextError (empty, not UTF-8).
[[nodiscard]] Shown tokenize(const std::string& text, const Tokenizer& tokenizer,
                             std::optional<std::int64_t> max_tokens);

/// Fills capture, kept and n_heads. Throws what Model::capture and check_patterns throw.
[[nodiscard]] AttentionPatterns attend(Shown& shown, Model& model);

/// The names of the figures' files, in the order of `figures`, each in all formats:
/// PREFIX_attention_...png
[[nodiscard]] std::vector<std::string> figure_names(const std::string& prefix,
                                                    const std::vector<FigureKind>& figures,
                                                    const FigureOptions& options);

/// The bytes of those files. Figures are drawn side by side.
[[nodiscard]] std::vector<std::string> draw_figures(const Shown& shown,
                                                    const AttentionPatterns& patterns,
                                                    const std::vector<Label>& labels,
                                                    const std::vector<FigureKind>& figures,
                                                    const FigureOptions& options,
                                                    const std::filesystem::path& model);

/// Of one figure, width times height.
[[nodiscard]] std::uint64_t n_pixels_of(FigureKind kind, const AttentionPatterns& patterns,
                                        const std::vector<Label>& labels,
                                        const FigureOptions& options);

/// Writes a safetensors file as ShowOptions::save_attention says.
void save_attention(const std::filesystem::path& path, const Shown& shown,
                    const AttentionPatterns& patterns, const std::filesystem::path& model);

/// What a picture or a tensor file says of its origin. No path and no time: the same run gives the
/// same bytes everywhere.
[[nodiscard]] std::vector<std::pair<std::string, std::string>> origin(
    const Shown& shown, const std::filesystem::path& model);

}  // namespace attnviz
