#pragma once

#include <torch/csrc/jit/api/module.h>

namespace attnviz {

/// Writes `device` over every device that the code of a module names. A trace made on a GPU says
/// cuda:0 wherever it makes a tensor, and runs nowhere else.
void move_device_constants(const torch::jit::Module& module, const at::Device& device);

}  // namespace attnviz
