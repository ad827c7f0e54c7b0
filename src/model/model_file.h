#pragma once

#include <torch/csrc/jit/api/module.h>

#include <filesystem>
#include <set>
#include <string>

#include "model/mapped_archive.h"

namespace attnviz {

/// False also for what is no archive at all, and for what cannot be read.
bool is_torchscript(const std::filesystem::path& path);

/// Throws ModelError for a file that is no TorchScript archive, and says what it is instead;
/// FileError where it cannot be read.
void require_torchscript(const std::filesystem::path& path);

struct LoadOptions {
  std::string device = "cpu";
  bool trusted = false;    ///< load it whatever it does
  bool as_stored = false;  ///< half weights stay half
  /// Told the floating types of its parameters and buffers, as they are in the file.
  std::set<at::ScalarType>* in_file = nullptr;
  /// The file that the weights stay in, where they shall; it must live as long as they.
  MappedArchive* mapped = nullptr;
};

/// Loads a TorchScript archive in evaluation mode. On the CPU half and bfloat16 tensors become
/// float32: LibTorch 1.13 cannot compute with them there.
/// Throws what read_model_contents throws, and ModelError where it has effects outside its tensors
/// and is not trusted, and where LibTorch cannot load it.
torch::jit::Module load_torchscript(const std::filesystem::path& path,
                                    const LoadOptions& options = {});

/// Makes all floating parameters and buffers float64.
void widen_to_float64(const torch::jit::Module& module);

/// LibTorch's messages span many lines, most of them a stack trace: the one that says what is
/// wrong, with "..." after its first 160 bytes. Throws std::bad_alloc where that is what they say.
std::string first_line(const std::exception& error);

}  // namespace attnviz
