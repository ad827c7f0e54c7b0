#pragma once

#include <cstdint>

namespace attnviz {

/// Bytes of memory that this process holds.
[[nodiscard]] std::uint64_t resident_memory();

}  // namespace attnviz
