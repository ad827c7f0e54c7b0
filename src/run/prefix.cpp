#include <cstdint>
#include <cstdio>

#include "attnviz/run.h"

namespace attnviz {
namespace {

/// FNV-1a, 32 bits (Fowler, Noll, Vo): the same on every machine.
std::string hash_digits(const std::string& text) {
  std::uint32_t hash = 2166136261U;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 16777619U;
  char digits[9];
  std::snprintf(digits, sizeof digits, "%08x", hash);
  return digits;
}

bool is_letter_or_digit(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

char to_lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

}  // namespace

std::string prefix_from(const std::string& text) {
  constexpr std::size_t kLongest = 40;
  std::string prefix;
  bool is_cut = false;
  for (std::size_t start = 0; start < text.size() && !is_cut;) {
    std::string word;
    for (; start < text.size() && is_letter_or_digit(to_lower(text[start])); ++start) {
      word += to_lower(text[start]);
    }
    is_cut = prefix.size() + 1 + word.size() > kLongest;
    if (!word.empty() && !is_cut) prefix += (prefix.empty() ? "" : "_") + word;
    for (; start < text.size() && !is_letter_or_digit(to_lower(text[start])); ++start) {
      if (static_cast<unsigned char>(text[start]) >= 0x80) is_cut = true;
    }
  }
  if (prefix.empty()) prefix = "text";
  return is_cut || prefix == "text" ? prefix + "_" + hash_digits(text) : prefix;
}

}  // namespace attnviz
