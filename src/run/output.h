#pragma once

#include <exception>
#include <string>

namespace attnviz {

/// Fit for a PNG's text chunk or JSON: no byte that is not UTF-8, no NUL.
[[nodiscard]] std::string printable(const std::string& bytes);

/// The same without what XML 1.0 allows not even escaped: control characters, U+FFFE and U+FFFF.
[[nodiscard]] std::string printable_in_xml(const std::string& bytes);

/// What went wrong, in one line: a library's message may go on with a trace of its calls.
[[nodiscard]] std::string message_of(const std::exception& error);

/// Throws UsageError for how no file's name can begin: empty, or with a / or a control character
/// in it.
void check_prefix(const std::string& prefix);

}  // namespace attnviz
