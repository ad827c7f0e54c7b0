#pragma once

#include <exception>
#include <string_view>

namespace attnviz {

/// LibTorch says in words what std::bad_alloc is for.
[[nodiscard]] inline bool is_out_of_memory(const std::exception& error) {
  return std::string_view(error.what()).find("DefaultCPUAllocator: ") != std::string_view::npos;
}

}  // namespace attnviz
