#include "attnviz/error.h"

#include <cstdio>

#include "file/one_line.h"

namespace attnviz {
namespace {

/// Unicode's control characters: C0, delete, and C1, which are two bytes in UTF-8.
bool is_control(const std::string& text, std::size_t i) {
  const auto byte = static_cast<unsigned char>(text[i]);
  if (byte < 0x20 || byte == 0x7F) return true;
  const unsigned char next = i + 1 < text.size() ? static_cast<unsigned char>(text[i + 1]) : 0;
  return byte == 0xC2 && next >= 0x80 && next < 0xA0;
}

}  // namespace

std::string one_line(const std::string& text) {
  std::string line;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (!is_control(text, i)) {
      line += text[i];
      continue;
    }
    const std::size_t length = static_cast<unsigned char>(text[i]) == 0xC2 ? 2 : 1;
    for (std::size_t end = i + length; i < end; ++i) {
      char escaped[8];
      std::snprintf(escaped, sizeof escaped, "\\x%02X", static_cast<unsigned char>(text[i]));
      line += escaped;
    }
    --i;
  }
  return line;
}

Error::Error(const std::string& message) : std::runtime_error(one_line(message)) {}

}  // namespace attnviz
