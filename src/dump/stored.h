#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "attnviz/checkpoint.h"
#include "attnviz/head_id.h"

namespace attnviz::dump {

/// What a file holds, whatever its format.
struct Stored {
  std::vector<NamedTensor> tensors;
  std::map<std::string, std::string> metadata;            ///< of a safetensors file
  std::map<std::string, std::vector<std::string>> texts;  ///< arrays of strings, of a NumPy file
};

/// By the file's first bytes. Throws FileError, ModelError.
[[nodiscard]] Stored read_stored(const std::filesystem::path& path);

/// How many it holds, once it is unpacked. Throws FileError, ModelError.
[[nodiscard]] std::uint64_t bytes_in(const std::filesystem::path& path);

/// Names in the metadata of what attnviz wrote itself.
inline constexpr char kText[] = "attnviz:text", kModel[] = "attnviz:model",
                      kHeadNumbers[] = "attnviz:head_numbers", kCausal[] = "attnviz:causal",
                      kPrompt[] = "attnviz:prompt", kQueryPieces[] = "attnviz:query_pieces",
                      kKeyPieces[] = "attnviz:key_pieces";

inline constexpr std::int64_t kMostHeads = 1 << 20;  ///< in a layer

/// The numbers of the heads, where some were pruned or left out; else empty. layers: [head, ...].
/// Throws ModelError, without the file's name, where they are damaged or not those of the layers.
[[nodiscard]] KeptHeads kept_in(const std::map<std::string, std::string>& metadata,
                                const std::vector<at::Tensor>& layers);

}  // namespace attnviz::dump
