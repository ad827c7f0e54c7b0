#pragma once

#include <torch/csrc/jit/api/module.h>

#include <filesystem>
#include <memory>

#include "file/file_version.h"

namespace attnviz {

/// A TorchScript file whose weights stay where they are: LibTorch reads it as it does any file, but
/// where it asks for a large record the file's pages take the place of the memory that was to be
/// filled. Pages come from the disk when they are first looked at, and writing to a tensor changes
/// its own copy alone.
class MappedArchive {
 public:
  /// Throws FileError where it cannot be opened.
  explicit MappedArchive(const std::filesystem::path& path);
  ~MappedArchive();

  /// Throws what torch::jit::load throws. Threads that make tensors meanwhile make them as usual.
  [[nodiscard]] torch::jit::Module load(const at::Device& device);

  /// Of the file as it was opened.
  [[nodiscard]] const FileVersion& version() const;

  /// Throws ModelError where the file is no longer what it was when it was opened: then the weights
  /// may not be either.
  void require_unchanged() const;

 private:
  struct File;
  std::shared_ptr<File> file_;
};

}  // namespace attnviz
