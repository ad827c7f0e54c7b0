#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <filesystem>
#include <vector>

#include "attnviz/gpt.h"
#include "attnviz/head_id.h"

// Taking heads out of a GPT's weights, and giving them new ones. Every function leaves its argument
// as it was and returns a model of its own.
//
//     Gpt gpt = load_gpt("gpt.pt");
//     check_layout(gpt);
//     save_gpt(prune_heads(gpt, {{0, 3}, {2, 1}}), "smaller.pt");
namespace attnviz {

/// What to do where all layers share one set of weights, so that a head exists once for all.
enum class SharedLayers {
  refuse,    ///< throw UsageError, which says what else would change
  together,  ///< change the head in all layers
  untie,     ///< give each layer its own copy of the weights first
};

/// The same weights in other layers: where layers share their weights, each head of `heads` in all
/// layers, else `heads`; in the order of layers and heads, none twice.
[[nodiscard]] std::vector<HeadId> with_twins(const GptConfig& config,
                                             const std::vector<HeadId>& heads);

/// Moves the query weights of one head after the other (rows h * d_head ... of w_q) and looks at
/// the patterns of a few tokens: only those of that head may change in its layer. What is cut by a
/// wrong layout, columns for rows or heads interleaved, moves them all. Throws ModelError, naming
/// the head, where that is not so.
void check_layout(const Gpt& gpt);

/// The model without these heads: rows of w_q, w_k, w_v and their biases and columns of w_o are
/// gone; b_o stays, also in a layer that loses all its heads. The others keep their names. Logits
/// are those of mask_heads, up to the order of additions.
/// Throws UsageError as require_heads does, and where layers share their weights and not all twins
/// of a head are named.
[[nodiscard]] Gpt prune_heads(const Gpt& gpt, const std::vector<HeadId>& heads);

/// The same shape, the heads' columns of w_o zero: what they compute is not heard. Throws as
/// prune_heads.
[[nodiscard]] Gpt mask_heads(const Gpt& gpt, const std::vector<HeadId>& heads);

/// Adds to b_o what the heads write on average: W_o[:, h] mean_h. Done before they are pruned, that
/// makes of pruning what ablation by the mean is. A model without b_o gets one.
/// means: per layer [heads, d_head] float32. Throws as prune_heads, and UsageError where layers
/// share their weights: one b_o cannot hold the means of several layers.
[[nodiscard]] Gpt fold_means(const Gpt& gpt, const std::vector<HeadId>& heads,
                             const std::vector<at::Tensor>& means);

enum class HeadInit {
  xavier,  ///< uniform, up to sqrt(6 / (rows + columns)) of the whole matrix (Glorot & Bengio 2010)
  normal,  ///< standard deviation 0.02, as GPT-2 begins
};

/// New query, key and value weights for these heads, their biases zero, and zero columns of w_o:
/// after Sokar et al. 2023 (ReDo), who recycle neurons so. At that moment the model computes what
/// mask_heads gives; w_o has a gradient from the first step on, the others from the second.
/// The same seed gives the same weights. Throws as prune_heads.
[[nodiscard]] Gpt reset_heads(const Gpt& gpt, const std::vector<HeadId>& heads, HeadInit init,
                              std::uint64_t seed);

/// Gives each layer its own copy of the weights that all share; outputs stay equal. A model whose
/// layers share nothing is returned as it is.
[[nodiscard]] Gpt untie_layers(const Gpt& gpt);

/// Silences heads of any TorchScript module, by rewriting the graphs of its methods forward and
/// forward_with_attention: each head's output (pattern times values) becomes 0, or its mean.
/// The weights stay as they are; loops over layers are unrolled, and the methods compute what they
/// did in evaluation mode. Writes `out` atomically.
/// heads: of layers and heads as Model::capture gives them; means: as fold_means, or empty.
/// trusted: as ModelOptions::trusted.
/// Returns the names of its other methods: they are left out, since they might attend unmasked.
/// Throws what GatedModel throws, UsageError for heads that do not exist, and FileError.
std::vector<std::string> mask_script(const std::filesystem::path& model,
                                     const std::vector<HeadId>& heads,
                                     const std::vector<at::Tensor>& means,
                                     const std::filesystem::path& out, bool trusted = false);

}  // namespace attnviz
