#pragma once

#include <string>

namespace attnviz {

/// Fit for a PNG's text chunk or JSON: no byte that is not UTF-8, no NUL.
[[nodiscard]] std::string printable(const std::string& bytes);

/// Throws UsageError for how no file's name can begin: empty, or with a / in it.
void check_prefix(const std::string& prefix);

}  // namespace attnviz
