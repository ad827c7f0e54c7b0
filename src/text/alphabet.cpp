#include "text/alphabet.h"

#include <array>

#include "text/utf8.h"

namespace attnviz::text {
namespace {

constexpr std::array<char32_t, 256> make_alphabet() {
  std::array<char32_t, 256> alphabet{};
  char32_t next = 0x100;
  for (char32_t byte = 0; byte < 256; ++byte) {
    const bool is_visible = (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte != 0xAD);
    alphabet[byte] = is_visible ? byte : next++;
  }
  return alphabet;
}
constexpr std::array<char32_t, 256> kAlphabet = make_alphabet();

constexpr int kNoByte = -1;

constexpr std::array<int, 0x144> make_bytes() {
  std::array<int, 0x144> bytes{};
  bytes.fill(kNoByte);
  for (int byte = 0; byte < 256; ++byte) bytes[kAlphabet[byte]] = byte;
  return bytes;
}
constexpr std::array<int, 0x144> kBytes = make_bytes();

}  // namespace

std::string byte_name(unsigned char byte) {
  std::string name;
  append_utf8(name, kAlphabet[byte]);
  return name;
}

void append_named_bytes(std::string& bytes, std::string_view name) {
  const std::size_t start = bytes.size();
  for (std::size_t i = 0; i < name.size();) {
    const std::size_t length = character_length(name, i);
    const char32_t code = code_point(name.substr(i, length));
    if (code >= kBytes.size() || kBytes[code] == kNoByte) {
      bytes.resize(start);
      bytes += name;
      return;
    }
    bytes += static_cast<char>(kBytes[code]);
    i += length;
  }
}

}  // namespace attnviz::text
