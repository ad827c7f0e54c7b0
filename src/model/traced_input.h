#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "attnviz/error.h"

namespace attnviz {

/// The size of the token ids that a module was traced with.
struct TracedInput {
  std::int64_t batch = 0, tokens = 0;
};

/// What torch.jit.trace left of its example in the archive (traced_inputs.pkl). None for a scripted
/// module, an older or a damaged file, and an example that is no [batch, tokens].
std::optional<TracedInput> read_traced_input(const std::filesystem::path& path);

/// Calls run with token 0, [1, n] int64 on `device`, and gives the first n that it succeeds with:
/// 2, or as many tokens as the module was traced with. Throws what run throws, where neither works.
std::int64_t run_on_sample(const std::filesystem::path& path, const std::string& device,
                           const std::function<void(const at::Tensor& ids)>& run);

/// What a module failed with, and whether it may be because it was traced with another number of
/// tokens.
ModelError run_error(const std::filesystem::path& path, std::size_t n_tokens,
                     const std::exception& error);

}  // namespace attnviz
