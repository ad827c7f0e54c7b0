#pragma once

#include <string>

namespace attnviz {

/// Appends \xNN.
void append_escaped(std::string& text, unsigned char byte);

/// A text from a file of unknown origin, fit for a terminal: control characters as \xNN.
[[nodiscard]] std::string one_line(const std::string& text);

}  // namespace attnviz
