#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "attnviz/gpt.h"
#include "attnviz/text.h"

namespace attnviz {

/// How the attention is taken out of a TorchScript module.
enum class CaptureMode {
  automatic,  ///< the first of the others, in this order, that gives something
  graph,      ///< cut the graph of forward after the softmax nodes that are attention
  observe,    ///< run forward, and watch the softmaxes that really run
  method,     ///< call forward_with_attention(input_ids) -> (logits, List[Tensor])
};

struct ModelOptions {
  CaptureMode capture = CaptureMode::automatic;
  std::string device = "cpu";  ///< as LibTorch writes it: cpu, cuda, cuda:1
  /// Computes in float64: rounding errors, which differ from one machine and LibTorch to the next,
  /// fall from 1e-6 of a weight to 1e-15. Some modules cannot (capture then throws ModelError).
  bool float64 = false;
  /// The weights stay in the file, and what is looked at is read when it is: a start in a quarter
  /// of the time, for a text or two. The file must stay as it is meanwhile: capture and logits
  /// throw ModelError where it was written to, and a file that is cut short ends the program
  /// (SIGBUS).
  bool mapped = false;
  /// A TorchScript file is a program. One with effects outside its tensors (see contents.h) is
  /// refused unless it is trusted.
  bool trusted = false;
};

/// What a model is. Sizes are none where the model does not show them.
struct ModelInfo {
  std::vector<std::int64_t> n_heads;  ///< of each layer
  CaptureMode capture = CaptureMode::automatic;
  std::optional<std::int64_t> vocabulary_size, n_positions, d_model;
  /// Sets of query and key weights: fewer than layers where layers share theirs.
  std::optional<std::int64_t> n_weight_sets;
  std::int64_t n_parameters = 0;
  std::vector<std::string> weight_types;  ///< in the file, such as float16; each once
  std::vector<double> norm_epsilons;      ///< of the norms that the graph shows, each once
  std::uintmax_t file_size = 0;           ///< bytes
  std::optional<GptRecord> record;        ///< of a model that attnviz made
};

/// A TorchScript GPT in evaluation mode; half and bfloat16 weights become float32.
///
///     Model model("models/demo.pt");
///     model.capture({464, 3797, 3332});           // per layer [head, 3, 3]
///     model.capture({464, 50257});                // throws: 50257 is beyond the vocabulary
class Model {
 public:
  /// Throws FileError (missing, unreadable), ModelError (no TorchScript; damaged; effects outside
  /// its tensors; an operator that this LibTorch lacks; no such device).
  explicit Model(std::filesystem::path path, const ModelOptions& options = {});
  Model(Model&&) noexcept;
  Model& operator=(Model&&) noexcept;
  ~Model();

  /// The attention of one text, before dropout: per layer [head, query, key], on the model's
  /// device, T = ids.size(). Rows sum to 1, or less where has_sinks(). Not yet checked: see
  /// check_patterns.
  /// May be called from several threads at once.
  /// Throws ModelError: no attention found (says what was found), an id beyond the vocabulary, more
  /// ids than positions, or whatever the model itself fails with. TextError when ids is empty.
  [[nodiscard]] std::vector<at::Tensor> capture(const TokenIds& ids);

  /// What the model predicts after each of `ids`: [T, vocabulary] float32 on the CPU, before any
  /// softmax. Throws as capture does, and ModelError where it returns no such tensor.
  [[nodiscard]] at::Tensor logits(const TokenIds& ids);

  /// Which heads its layers still have, by the record of a model that attnviz pruned; else empty.
  [[nodiscard]] const KeptHeads& kept_heads() const;

  /// Captures the attention of sample_ids() to see layers and heads. Throws as capture does.
  [[nodiscard]] ModelInfo info();

  /// Token 0, as often as its heads are looked at with: twice, or as often as a trace that fits one
  /// length has tokens.
  [[nodiscard]] TokenIds sample_ids();

  /// The way that was taken; automatic before the first capture.
  [[nodiscard]] CaptureMode capture_mode() const;

  /// Whether a sink that is no token takes a part of each row (gpt-oss); false before the first
  /// capture.
  [[nodiscard]] bool has_sinks() const;

  /// Rows of the table that the input ids are looked up in; none where the graph does not show it.
  [[nodiscard]] std::optional<std::int64_t> vocabulary_size() const;

  /// The smallest table that is looked up or sliced by position; none where the graph has none.
  [[nodiscard]] std::optional<std::int64_t> n_positions() const;

  /// The table that the input ids are looked up in: [V, d] float32 on the CPU, row = token id, V =
  /// vocabulary_size(). It may share its storage with the model: not to be written to. None where
  /// the graph does not show one such table.
  [[nodiscard]] std::optional<at::Tensor> token_embeddings() const;

  [[nodiscard]] const std::filesystem::path& path() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// `graph`, `observe`, `method` or `automatic`.
[[nodiscard]] std::string to_string(CaptureMode mode);

/// Such as 1.13.1.
[[nodiscard]] std::string libtorch_version();

}  // namespace attnviz
