#pragma once

#include <string>

namespace attnviz::cli {

/// The command that builds attnviz against another LibTorch and runs it: the one that ATTNVIZ_TORCH
/// names, or that of the python3 that is found first. To be put behind a message of a missing
/// operator. Empty where there is neither; runs python3.
[[nodiscard]] std::string torch_hint();

}  // namespace attnviz::cli
