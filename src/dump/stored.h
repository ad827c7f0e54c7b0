#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "attnviz/checkpoint.h"

namespace attnviz::dump {

/// What a file holds, whatever its format.
struct Stored {
  std::vector<NamedTensor> tensors;
  std::map<std::string, std::string> metadata;            ///< of a safetensors file
  std::map<std::string, std::vector<std::string>> texts;  ///< arrays of strings, of a NumPy file
};

/// By the file's first bytes. Throws FileError, ModelError.
[[nodiscard]] Stored read_stored(const std::filesystem::path& path);

/// Names in the metadata of what attnviz wrote itself.
inline constexpr char kText[] = "attnviz:text", kModel[] = "attnviz:model",
                      kHeadNumbers[] = "attnviz:head_numbers", kCausal[] = "attnviz:causal",
                      kPrompt[] = "attnviz:prompt", kQueryPieces[] = "attnviz:query_pieces",
                      kKeyPieces[] = "attnviz:key_pieces";

}  // namespace attnviz::dump
