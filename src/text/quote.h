#pragma once

#include <string>
#include <string_view>

namespace attnviz::text {

/// `text` in quotation marks for a one-line message: bytes that would break the line or the
/// terminal as \xNN, and no more of it than a reader needs.
[[nodiscard]] std::string quote(std::string_view text);

}  // namespace attnviz::text
