#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "attnviz/patterns.h"
#include "attnviz/text.h"

// Attention as a file: what attnviz saves, and what any other program dumped of a model of its own.
// docs/dump.md shows how to make one.
namespace attnviz {

struct DumpOptions {
  /// JSON, instead of what the file says: a list of tokens or of ids, or {"queries": [...], "keys":
  /// [...]} of such lists. Empty: what the file says.
  std::filesystem::path tokens = {};
  std::string tensors = {};  ///< a glob for the names of those that are attention; empty: all
  std::optional<std::int64_t> batch_item = {};  ///< which, counted from 0, where there are several
  bool bidirectional = false;  ///< queries may see later keys, even where none does

  bool operator==(const DumpOptions&) const = default;
};

/// The tokens along one side of the patterns. Both lists are as long as that side, or empty where
/// that is not known.
struct SideTokens {
  std::vector<std::string> pieces;  ///< the bytes of each
  TokenIds ids;
};

/// The attention of one text as a file holds it.
struct AttentionDump {
  AttentionPatterns patterns;
  SideTokens queries, keys;
  std::string text, model;  ///< what the file says of them; empty where it says nothing
  /// So many of the keys were given, the rest the model went on with; none: the file says nothing.
  std::optional<std::int64_t> n_prompt;
  /// What is not as in other files, for the user to know: one line each.
  std::vector<std::string> remarks;
};

/// Reads safetensors, NumPy's .npy and .npz: [layer, head, query, key], [layer, batch, head, query,
/// key], or a tensor a layer, [head, query, key] or [batch, head, query, key], whose names differ
/// in one number; of float16, bfloat16, float32 or float64. Tokens: `tokens`, or `queries` and
/// `keys`, in the metadata (JSON) or as arrays of strings; or `ids`, or `query_ids` and `key_ids`,
/// as integers. Where queries are fewer than keys and have no tokens of their own, they are the
/// last. Whether patterns are causal is found out by their weights. Which layers are in a file that
/// lacks some is told by the numbers in their names; those that lack have no heads. Throws
/// FileError, and ModelError for all that is wrong in it: no attention, or more than one kind; not
/// finite; negative (scores before softmax); rows that do not sum to 1, by more than the rounding
/// of their dtype; sizes that differ; tokens that do not fit.
[[nodiscard]] AttentionDump read_attention(const std::filesystem::path& path,
                                           const DumpOptions& options = {});

/// Whether a file begins as one of those that read_attention reads. Throws FileError.
[[nodiscard]] bool may_hold_attention(const std::filesystem::path& path);

/// Writes a safetensors file that read_attention reads back exactly: layer_0, layer_1 ... [head,
/// query, key] F32, ids I64, tokens, and `metadata`. Throws FileError, ShapeError where tokens and
/// patterns differ in number.
void write_attention(const std::filesystem::path& path, const AttentionPatterns& patterns,
                     const SideTokens& queries, const SideTokens& keys,
                     const std::vector<std::pair<std::string, std::string>>& metadata);

}  // namespace attnviz
