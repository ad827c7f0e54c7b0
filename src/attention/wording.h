#pragma once

#include <cstdint>
#include <string>

namespace attnviz {

/// A number with so many decimals: "0.93".
std::string decimals(double value, int n = 2);

/// "1 text", "12 texts".
std::string counted(std::int64_t n, const std::string& noun);

}  // namespace attnviz
