#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "attnviz/checkpoint.h"

namespace attnviz::checkpoint {

/// Reads one file of torch.save; `path` is known to be a zip archive. Throws ModelError without the
/// file's name.
Checkpoint read_torch_file(const std::filesystem::path& path);

/// Reads one .safetensors file. Throws FileError, ModelError without the file's name.
SafetensorsFile read_safetensors_file(const std::filesystem::path& path);

/// Product of the sizes, times bytes each; none where a size is negative or 64 bits do not hold it.
std::optional<std::uint64_t> byte_count(const std::vector<std::int64_t>& sizes,
                                        std::uint64_t bytes_each);

}  // namespace attnviz::checkpoint
