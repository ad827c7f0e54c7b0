#pragma once

#include <exception>
#include <new>
#include <string_view>

namespace attnviz {

/// Whether there was no memory: LibTorch says in words what std::bad_alloc is for.
[[nodiscard]] inline bool is_out_of_memory(const std::exception& error) {
  return dynamic_cast<const std::bad_alloc*>(&error) != nullptr ||
         std::string_view(error.what()).find("DefaultCPUAllocator: ") != std::string_view::npos;
}

}  // namespace attnviz
