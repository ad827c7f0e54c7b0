#pragma once

#include <string>

namespace attnviz {

/// Fit for a PNG's text chunk or JSON: no byte that is not UTF-8, no NUL.
[[nodiscard]] std::string printable(const std::string& bytes);

/// The same without what XML 1.0 allows not even escaped: control characters, U+FFFE and U+FFFF.
[[nodiscard]] std::string printable_in_xml(const std::string& bytes);

}  // namespace attnviz
