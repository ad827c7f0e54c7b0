#include "text/quote.h"

#include "file/one_line.h"
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
      append_escaped(quoted, byte);
      ++i;
    } else {
      quoted += text.substr(i, length);
      i += length;
    }
  }
  return quoted += '"';
}

}  // namespace attnviz::text
