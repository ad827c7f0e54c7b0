#include <algorithm>

#include "figure/characters.h"
#include "figure/lettering.h"

namespace attnviz {
namespace {

const std::string ellipsis = "…";

// The first n characters of the label's parts.
Label beginning(const Label& label, std::size_t n) {
  Label begun;
  for (const auto& part : label) {
    if (n == 0) break;
    const auto characters = characters_of(part.text);
    const auto count = std::min(n, characters.size());
    std::size_t bytes = 0;
    for (std::size_t i = 0; i < count; ++i) bytes += characters[i].bytes.size();
    begun.push_back({part.text.substr(0, bytes), part.is_mark});
    n -= count;
  }
  return begun;
}

// All but the first n characters of the label's parts.
Label remainder(const Label& label, std::size_t n) {
  Label left;
  for (const auto& part : label) {
    const auto characters = characters_of(part.text);
    std::size_t bytes = 0;
    for (std::size_t i = 0; i < std::min(n, characters.size()); ++i) {
      bytes += characters[i].bytes.size();
    }
    if (n < characters.size()) left.push_back({part.text.substr(bytes), part.is_mark});
    n -= std::min(n, characters.size());
  }
  return left;
}

Label framed(const std::string& before, Label label, const std::string& after) {
  label.insert(label.begin(), {before, false});
  label.push_back({after, false});
  return label;
}

std::size_t length(const Label& label) {
  std::size_t n = 0;
  for (const auto& part : label) n += characters_of(part.text).size();
  return n;
}

// No text is set whole that is hopelessly long: an i is a quarter of an em wide.
std::size_t most_characters(double size, double width) {
  return static_cast<std::size_t>(width / size * 6) + 16;
}

}  // namespace

bool fits(const Label& label, double size, double width, const std::string& before,
          const std::string& after) {
  return length(label) <= most_characters(size, width) &&
         measure(framed(before, label, after), size).width <= width;
}

Label shortened(const Label& label, double size, double width, const std::string& before,
                const std::string& after) {
  if (fits(label, size, width, before, after)) return framed(before, label, after);
  std::size_t fitting = 0;
  std::size_t too_many = std::min(length(label), most_characters(size, width)) + 1;
  while (too_many - fitting > 1) {
    const auto middle = (fitting + too_many) / 2;
    const bool is_fitting = fits(beginning(label, middle), size, width, before, ellipsis + after);
    (is_fitting ? fitting : too_many) = middle;
  }
  auto begun = beginning(label, fitting);
  while (!begun.empty() && begun.back().text.ends_with(' ')) begun.back().text.pop_back();
  return framed(before, begun, ellipsis + after);
}

Label shortened_inside(const Label& label, double size, double width) {
  if (fits(label, size, width)) return label;
  const std::size_t whole = length(label);
  std::size_t kept = std::min(whole - 1, most_characters(size, width));
  Label cut;
  do {
    cut = beginning(label, (kept + 1) / 2);
    cut.push_back({ellipsis, false});
    for (auto& part : remainder(label, whole - kept / 2)) cut.push_back(std::move(part));
  } while (!fits(cut, size, width) && kept-- > 0);
  return cut;
}

}  // namespace attnviz
