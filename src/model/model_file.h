#pragma once

#include <torch/csrc/jit/api/module.h>

#include <filesystem>
#include <string>

namespace attnviz {

/// Loads a TorchScript archive in evaluation mode. On the CPU half and bfloat16 tensors become
/// float32: LibTorch 1.13 cannot compute with them there.
/// Throws FileError, or ModelError that says what the file is instead.
torch::jit::Module load_torchscript(const std::filesystem::path& path, const std::string& device);

/// LibTorch's messages span many lines, most of them a stack trace: the one that says what is
/// wrong.
std::string first_line(const std::exception& error);

}  // namespace attnviz
