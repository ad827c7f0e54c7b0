#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace attnviz {

/// A zlib stream (RFC 1950). level: 1 to 12, as libdeflate has them. Throws std::bad_alloc.
[[nodiscard]] std::vector<std::uint8_t> compressed(std::span<const std::uint8_t> bytes, int level);

}  // namespace attnviz
