#pragma once

#include <chrono>
#include <string>
#include <utility>
#include <vector>

namespace attnviz {

using Timings = std::vector<std::pair<std::string, double>>;  ///< stage, milliseconds

/// Runs `stage` and notes its time under `name`.
template <typename Stage>
auto timed(Timings& timings, const char* name, Stage stage) {
  const auto start = std::chrono::steady_clock::now();
  auto result = stage();
  const std::chrono::duration<double, std::milli> time = std::chrono::steady_clock::now() - start;
  timings.emplace_back(name, time.count());
  return result;
}

}  // namespace attnviz
