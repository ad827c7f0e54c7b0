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

/// What a NumPy file holds.
struct NumpyFile {
  std::vector<NamedTensor> tensors;  ///< in the order of the file; that of a .npy has no name
  /// One-dimensional arrays of strings, UTF-8, by name.
  std::map<std::string, std::vector<std::string>> texts;
};

/// Reads a .npy (versions 1.0 to 3.0) or a .npz, stored or deflated, whatever the file's name;
/// names are without their .npy. Shapes are kept, and arrays in Fortran order made row-major.
///   f2 f4 f8 i1 i2 i4 i8 u1 b1    as float16, float32 ... of LibTorch
///   u2 u4                         as int32, int64, which hold all their numbers
///   U, one-dimensional            as texts; a single string (0-d) as one
/// Throws FileError (missing, unreadable), and ModelError that says what is wrong: damaged or cut
/// off, a shape that is not the size of what is there, archives that are encrypted or claim more
/// than they hold, and what is not read: Python objects (a pickle, which is never run), u8, V2
/// (bfloat16), other dtypes, structures, big-endian numbers, strings of more dimensions.
[[nodiscard]] NumpyFile read_numpy(const std::filesystem::path& path);

}  // namespace attnviz
