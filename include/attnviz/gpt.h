#pragma once

#include <cstdint>
#include <filesystem>

// Declared here, not included: LibTorch's headers cost seconds in every file that sees them.
// Include torch/script.h to use the functions below.
namespace torch::jit {
struct Module;
}

namespace attnviz {

/// The GPT that attnviz itself makes: decoder-only, pre-norm, exact (erf) GELU, fixed sinusoidal
/// positions, embeddings scaled by sqrt(d_model), lm_head tied to the token embedding.
struct GptConfig {
  std::int64_t n_layers = 6;
  std::int64_t n_heads = 8;
  std::int64_t d_model = 128;  ///< a multiple of n_heads, and even
  std::int64_t vocabulary_size = 50257;
  std::int64_t n_positions = 1024;
  double dropout = 0.1;  ///< on embeddings, patterns and both outputs of a block, in training only

  [[nodiscard]] std::int64_t d_head() const { return d_model / n_heads; }
  [[nodiscard]] std::int64_t d_feed_forward() const { return 4 * d_model; }
};

/// A TorchScript module with random weights (normal, from `seed`), float32, in training mode.
///
/// Parameters (V = vocabulary_size, d = d_model):
///   token_embedding [V, d]; norm_weight, norm_bias [d]; position_encoding [n_positions, d]
///   (buffer); and for each layer l, under block_l: norm1_*, norm2_* [d]; w_q, w_k, w_v [d, d]
///   (head h owns rows h * d_head ...) without bias; w_o [d, d] (head h owns the columns of the
///   same range), b_o [d]; w_up [4d, d], b_up [4d]; w_down [d, 4d], b_down [d].
/// Methods (input_ids: [batch, T] int64, T <= n_positions):
///   forward(input_ids) -> logits [batch, T, V]
///   forward_with_attention(input_ids) -> (logits, patterns: one [batch, head, query, key] a layer)
///   hidden(input_ids) -> [batch, T, d], what the logits are a linear map of
///
/// Throws UsageError for a configuration that cannot be built.
[[nodiscard]] torch::jit::Module build_gpt(const GptConfig& config, std::uint64_t seed);

/// Saves `module` in evaluation mode with its floating tensors in half precision, atomically;
/// the module itself is left as it was. Throws FileError.
void save_half(const torch::jit::Module& module, const std::filesystem::path& path);

}  // namespace attnviz
