#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "attnviz/head_id.h"

// Declared here, not included: LibTorch's headers cost seconds in every file that sees them.
// Include torch/script.h to use the functions below.
namespace torch::jit {
struct Module;
}

namespace attnviz {

/// The GPT that attnviz itself makes: decoder-only, pre-norm. `train` makes it from nothing,
/// `import` from a checkpoint of another program.
struct GptConfig {
  std::vector<std::int64_t> n_heads = std::vector<std::int64_t>(6, 8);  ///< of each layer
  KeptHeads kept = {};  ///< which heads these are, where some were pruned
  std::int64_t d_model = 128;
  std::int64_t d_head = 16;  ///< of every head; a layer's heads together need not be d_model wide
  std::int64_t d_feed_forward = 512;
  std::int64_t vocabulary_size = 50257;
  std::int64_t n_positions = 1024;
  bool learned_positions = false;  ///< else fixed: the sinusoids, or whatever was imported
  double embedding_scale = 1;      ///< what token embeddings are multiplied with
  bool exact_gelu = true;          ///< by erf; else the tanh approximation
  bool qkv_bias = false, output_bias = true, feed_forward_bias = true, norm_bias = true;
  bool tied_lm_head = true;    ///< lm_head is the token embedding
  bool shared_layers = false;  ///< one set of weights serves all layers
  double norm_epsilon = 1e-5;
  double dropout = 0.1;  ///< on embeddings, patterns and both outputs of a block, in training only

  [[nodiscard]] std::int64_t n_layers() const { return static_cast<std::int64_t>(n_heads.size()); }
  /// Sets of block weights: one where layers share theirs.
  [[nodiscard]] std::int64_t n_blocks() const { return shared_layers ? 1 : n_layers(); }
  bool operator==(const GptConfig&) const = default;
};

/// The configuration that `train` uses: equal layers, d_head = d_model / n_heads, a feed-forward
/// part of 4 * d_model, embeddings scaled by sqrt(d_model). Throws UsageError where n_heads does
/// not divide d_model.
[[nodiscard]] GptConfig trainable_gpt(std::int64_t n_layers, std::int64_t n_heads,
                                      std::int64_t d_model);

/// Names a parameter and its shape, wants its values: float32.
using WeightSource =
    std::function<at::Tensor(const std::string& name, const std::vector<std::int64_t>& shape)>;

/// A TorchScript module with the weights that `weights` gives, in training mode.
///
/// Parameters (V = vocabulary_size, d = d_model, a = heads of the layer * d_head, f =
/// d_feed_forward; those in brackets only where the configuration has them):
///   token_embedding [V, d]; position_encoding [n_positions, d] (a buffer where it is fixed);
///   norm_weight, (norm_bias) [d]; (lm_head [V, d]); and for each layer l, under block_l:
///   norm1_weight, (norm1_bias), norm2_weight, (norm2_bias) [d]; w_q, w_k, w_v [a, d] (head h owns
///   rows h * d_head ...), (b_q, b_k, b_v [a]); w_o [d, a] (head h owns the columns of the same
///   range), (b_o [d]); w_up [f, d], (b_up [f]); w_down [d, f], (b_down [d]).
///   Where layers share their weights there is block_0 alone.
/// Methods (input_ids: [batch, T] int64, T <= n_positions):
///   forward(input_ids) -> logits [batch, T, V]
///   forward_with_attention(input_ids) -> (logits, patterns: one [batch, head, query, key] a layer)
///   hidden(input_ids) -> [batch, T, d], what the logits are a linear map of
///
/// Throws UsageError for a configuration that cannot be built, and what `weights` throws.
[[nodiscard]] torch::jit::Module build_gpt(const GptConfig& config, const WeightSource& weights);

/// The same with random weights, normal, from `seed`.
[[nodiscard]] torch::jit::Module build_gpt(const GptConfig& config, std::uint64_t seed);

/// Its patterns, per layer [batch, head, query, key], in the mode that it is in. input_ids: [batch,
/// T] int64. gpt: from build_gpt.
[[nodiscard]] std::vector<at::Tensor> patterns_of(torch::jit::Module& gpt,
                                                  const at::Tensor& input_ids);

/// Where a model comes from: name, value.
using Provenance = std::vector<std::pair<std::string, std::string>>;

/// What an archive says of the GPT in it; kept in its extra file `attnviz.json`.
struct GptRecord {
  GptConfig config;
  Provenance provenance;
  /// What surgery did to it, in the order of layers and heads. A head that was masked and then
  /// reset is reset only; one that was pruned is pruned only.
  std::vector<HeadId> pruned = {}, masked = {}, reset = {};
};

enum class Precision { single, half };

/// A GPT and what is known of it.
struct Gpt {
  std::shared_ptr<torch::jit::Module> module;
  GptRecord record;
  Precision precision = Precision::single;  ///< of the file; in memory it is always single
};

/// Saves `module` in evaluation mode, its floating tensors in that precision, with `record`,
/// atomically; the module itself is left as it was. Throws FileError.
void save_gpt(const torch::jit::Module& module, const GptRecord& record,
              const std::filesystem::path& path, Precision precision);

/// None for an archive that attnviz did not make. Throws FileError (missing, unreadable) and
/// ModelError for a record that is damaged or of a later version.
[[nodiscard]] std::optional<GptRecord> read_gpt_record(const std::filesystem::path& path);

/// The same for a GPT that was loaded, in the precision of its file.
void save_gpt(const Gpt& gpt, const std::filesystem::path& path);

/// Which heads the layers of a model file still have: empty for one that no head was pruned from,
/// and for one that attnviz did not make. Throws as read_gpt_record does.
[[nodiscard]] KeptHeads read_kept_heads(const std::filesystem::path& path);

/// A model that attnviz made, for training or surgery: float32, on the CPU, in training mode.
/// Throws as read_gpt_record does, and ModelError for an archive that attnviz did not make.
[[nodiscard]] Gpt load_gpt(const std::filesystem::path& path);

}  // namespace attnviz
