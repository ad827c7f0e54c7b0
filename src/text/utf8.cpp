#include "text/utf8.h"

#include <cstdint>
#include <cstdio>
#include <cstring>

#include "attnviz/error.h"
#include "attnviz/text.h"

namespace attnviz::text {
namespace {

unsigned byte_at(std::string_view text, std::size_t offset) {
  return static_cast<unsigned char>(text[offset]);
}

/// The range of the second byte is what rules out overlong forms, surrogates and U+110000 upwards
/// (Unicode 15, table 3-7).
struct Lead {
  std::size_t length;
  unsigned low = 0x80, high = 0xBF;
};

Lead read_lead(unsigned byte) {
  if (byte < 0x80) return {1};
  if (byte < 0xC2) return {0};
  if (byte < 0xE0) return {2};
  if (byte == 0xE0) return {3, 0xA0, 0xBF};
  if (byte == 0xED) return {3, 0x80, 0x9F};
  if (byte < 0xF0) return {3};
  if (byte == 0xF0) return {4, 0x90, 0xBF};
  if (byte < 0xF4) return {4};
  if (byte == 0xF4) return {4, 0x80, 0x8F};
  return {0};
}

}  // namespace

std::size_t character_length(std::string_view text, std::size_t offset) {
  const Lead lead = read_lead(byte_at(text, offset));
  if (lead.length < 2) return lead.length;
  if (text.size() - offset < lead.length) return 0;
  const unsigned second = byte_at(text, offset + 1);
  if (second < lead.low || second > lead.high) return 0;
  for (std::size_t i = 2; i < lead.length; ++i) {
    if ((byte_at(text, offset + i) & 0xC0) != 0x80) return 0;
  }
  return lead.length;
}

std::size_t valid_prefix(std::string_view text) {
  std::size_t offset = 0;
  while (offset < text.size()) {
    std::uint64_t eight = 0;
    if (text.size() - offset >= sizeof eight) {
      std::memcpy(&eight, text.data() + offset, sizeof eight);
      if ((eight & 0x8080808080808080u) == 0) {  // eight ASCII characters at once
        offset += sizeof eight;
        continue;
      }
    }
    const std::size_t length = character_length(text, offset);
    if (length == 0) break;
    offset += length;
  }
  return offset;
}

char32_t code_point(std::string_view character) {
  if (character.size() == 1) return byte_at(character, 0);
  char32_t code = byte_at(character, 0) & (0x7Fu >> character.size());
  for (std::size_t i = 1; i < character.size(); ++i) {
    code = code << 6 | (byte_at(character, i) & 0x3F);
  }
  return code;
}

void append_utf8(std::string& text, char32_t code) {
  const auto tail = [&](int shift) { text += static_cast<char>(0x80 | (code >> shift & 0x3F)); };
  if (code < 0x80) {
    text += static_cast<char>(code);
  } else if (code < 0x800) {
    text += static_cast<char>(0xC0 | code >> 6);
    tail(0);
  } else if (code < 0x10000) {
    text += static_cast<char>(0xE0 | code >> 12);
    tail(6);
    tail(0);
  } else {
    text += static_cast<char>(0xF0 | code >> 18);
    tail(12);
    tail(6);
    tail(0);
  }
}

}  // namespace attnviz::text

namespace attnviz {

void require_utf8(std::string_view text) {
  const std::size_t offset = text::valid_prefix(text);
  if (offset == text.size()) return;
  char byte[8];
  std::snprintf(byte, sizeof byte, "0x%02X", static_cast<unsigned char>(text[offset]));
  throw TextError("the text is not UTF-8: byte " + std::string(byte) + " at offset " +
                  std::to_string(offset) +
                  "; convert it first (from Latin-1: iconv -f ISO-8859-1 -t UTF-8)");
}

}  // namespace attnviz
