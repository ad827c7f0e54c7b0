#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace attnviz {

/// Something in a model file that reaches beyond its tensors.
struct OutsideEffect {
  std::string what;    ///< an operator, aten::save, or a class, torch.classes.dist_c10d.Work
  std::string effect;  ///< "writes files"
};

/// What a TorchScript file would do, read off its archive: nothing of it is loaded or run.
struct ModelContents {
  std::uintmax_t file_size = 0;        ///< bytes
  std::uint64_t tensor_bytes = 0;      ///< of all records that tensors lie in
  std::vector<std::string> operators;  ///< that its code names, such as aten::linear; ascending
  std::vector<OutsideEffect> effects;  ///< empty: what it does, it does to tensors
};

/// Reads the archive's list of records, the words of its code and the names in its pickles.
/// Operators are told by name wherever the name stands, so that no way of calling one is missed: an
/// attribute that is called `save`, too, counts as aten::save.
/// Throws FileError, and ModelError where the file is no TorchScript archive, is damaged, or claims
/// more than it holds: a tensor more than its record, a record more than the file.
[[nodiscard]] ModelContents read_model_contents(const std::filesystem::path& path);

}  // namespace attnviz
