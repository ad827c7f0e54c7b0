#include "text/quote.h"

#include <cstdio>

#include "text/utf8.h"

namespace attnviz::text {

std::string quote(std::string_view text) {
  constexpr std::size_t kMaxBytes = 60;
  std::string quoted = "\"";
  for (std::size_t i = 0; i < text.size();) {
    if (i >= kMaxBytes) {
      quoted += "…";
      break;
    }
    const std::size_t length = character_length(text, i);
    const auto byte = static_cast<unsigned char>(text[i]);
    if (length == 0 || byte < 0x20 || byte == 0x7F) {
      char escaped[8];
      std::snprintf(escaped, sizeof escaped, "\\x%02X", byte);
      quoted += escaped;
      ++i;
    } else {
      quoted += text.substr(i, length);
      i += length;
    }
  }
  return quoted += '"';
}

}  // namespace attnviz::text
