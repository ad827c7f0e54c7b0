#pragma once

#include <cstdint>
#include <string>

namespace attnviz {

/// A number with so many decimals: "0.93".
std::string decimals(double value, int n = 2);

/// The same with its sign: "+0.93".
std::string signed_decimals(double value, int n = 2);

/// Two digits that count: "0.61", "0.0027", "5.4e-06".
std::string short_number(double value);

/// "1 text", "12 texts".
std::string counted(std::int64_t n, const std::string& noun);

}  // namespace attnviz
