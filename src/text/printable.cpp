#include "text/printable.h"

#include <algorithm>
#include <string_view>

#include "text/utf8.h"

namespace attnviz {

std::string printable(const std::string& bytes) {
  std::string text;
  for (std::size_t start = 0; start < bytes.size();) {
    const std::size_t length = text::character_length(bytes, start);
    text += length == 0 ? "\uFFFD" : bytes[start] == '\0' ? "\u2400" : bytes.substr(start, length);
    start += std::max<std::size_t>(length, 1);
  }
  return text;
}

std::string printable_in_xml(const std::string& bytes) {
  const std::string utf8 = printable(bytes);
  std::string text;
  for (std::size_t i = 0; i < utf8.size(); ++i) {
    const auto byte = static_cast<unsigned char>(utf8[i]);
    const bool is_control = byte < 0x20 && byte != '\t' && byte != '\n' && byte != '\r';
    const std::string_view rest = std::string_view(utf8).substr(i, 3);
    const bool is_no_character = rest == "\xEF\xBF\xBE" || rest == "\xEF\xBF\xBF";
    if (is_no_character) i += 2;
    if (is_control || is_no_character) {
      text += "\uFFFD";
    } else {
      text += utf8[i];
    }
  }
  return text;
}

}  // namespace attnviz
