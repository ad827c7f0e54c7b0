#pragma once

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "attnviz/checkpoint.h"

namespace attnviz::checkpoint {

/// Reads one file of torch.save; `path` is known to be a zip archive. Throws ModelError without the
/// file's name.
Checkpoint read_torch_file(const std::filesystem::path& path);

/// Reads one .safetensors file. Throws FileError, ModelError without the file's name.
std::vector<NamedTensor> read_safetensors_file(const std::filesystem::path& path);

/// True for a product of sizes, times bytes each, that is at most `limit`.
bool fits(const std::vector<std::int64_t>& sizes, std::uint64_t bytes_each, std::uint64_t limit);

}  // namespace attnviz::checkpoint
