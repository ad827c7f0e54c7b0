#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace attnviz {

struct NamedTensor {
  std::string name;
  at::Tensor values;  ///< contiguous, on the CPU, of the dtype in the file
};

/// What a training program left behind: weights by name, and what it says of them.
struct Checkpoint {
  std::string format;                        ///< `PyTorch` or `safetensors`
  std::vector<std::filesystem::path> files;  ///< that it was read from
  /// Without the prefixes `module.` and `_orig_mod.`, which wrappers put before every name.
  std::vector<NamedTensor> tensors;
  /// Plain values that lie beside the tensors, such as n_head: from the dictionaries `config` and
  /// `model_args` of a PyTorch file, or from a config.json in the same folder.
  std::map<std::string, std::variant<bool, std::int64_t, double, std::string>> settings;
};

/// Reads, without running any of its code,
///   - a file of torch.save (PyTorch 1.6 or later): a state dict, or one under `model`,
///   `state_dict`
///     or `model_state_dict`;
///   - a .safetensors file;
///   - a .json index of several such files, each named by its tensors;
///   - a folder that holds one of these under the names that Hugging Face gives them.
/// Throws FileError, or ModelError that says what is wrong: damaged or cut off, an object other
/// than tensors and plain containers (by its name), sizes that the file cannot hold, overlapping
/// tensors.
[[nodiscard]] Checkpoint read_checkpoint(const std::filesystem::path& path);

/// What a safetensors file holds.
struct SafetensorsFile {
  std::vector<NamedTensor> tensors;  ///< in the order of the header
  std::map<std::string, std::string> metadata;
};

/// Reads what write_safetensors, or any other program, wrote; names are left as they are. Throws
/// FileError, and ModelError as read_checkpoint does.
[[nodiscard]] SafetensorsFile read_safetensors(const std::filesystem::path& path);

/// Writes tensors (contiguous, on the CPU; of real floating, integer or boolean dtype) in the
/// safetensors format, with `metadata` in the header, atomically. They are read back exactly.
/// Throws FileError, ShapeError for other dtypes.
void write_safetensors(const std::filesystem::path& path, const std::vector<NamedTensor>& tensors,
                       const std::vector<std::pair<std::string, std::string>>& metadata);

}  // namespace attnviz
