#include "attnviz/error.h"

#include <cstdio>

#include "file/one_line.h"

namespace attnviz {
namespace {

/// Bytes (0: none) of the control character there: C0, delete, and C1, which are two in UTF-8.
std::size_t control_length(const std::string& text, std::size_t i) {
  const auto byte = static_cast<unsigned char>(text[i]);
  if (byte < 0x20 || byte == 0x7F) return 1;
  const unsigned char next = i + 1 < text.size() ? static_cast<unsigned char>(text[i + 1]) : 0;
  return byte == 0xC2 && next >= 0x80 && next < 0xA0 ? 2 : 0;
}

}  // namespace

void append_escaped(std::string& text, unsigned char byte) {
  char escaped[8];
  std::snprintf(escaped, sizeof escaped, "\\x%02X", byte);
  text += escaped;
}

std::string one_line(const std::string& text) {
  std::string line;
  for (std::size_t i = 0; i < text.size();) {
    std::size_t n = control_length(text, i);
    if (n == 0) line += text[i++];
    for (; n > 0; --n) append_escaped(line, static_cast<unsigned char>(text[i++]));
  }
  return line;
}

Error::Error(const std::string& message) : std::runtime_error(one_line(message)) {}

}  // namespace attnviz
