#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string_view>
#include <utility>
#include <vector>

// JSON of unknown origin, as nlohmann's library alone would not read it safely.
namespace attnviz {

/// What to parse: the text itself, or nothing, which is no JSON, where it is nested more than 200
/// deep. The library reads that, but copies and prints it by recursion, until the stack ends.
[[nodiscard]] inline std::string_view shallow(std::string_view json) {
  constexpr int kDeepest = 200;
  int depth = 0;
  bool is_in_string = false;
  for (std::size_t i = 0; i < json.size(); ++i) {
    const char c = json[i];
    if (c == '"') is_in_string = !is_in_string;
    if (is_in_string && c == '\\') ++i;
    if (is_in_string) continue;
    if (c == '[' || c == '{') ++depth;
    if (c == ']' || c == '}') --depth;
    if (depth > kDeepest) return {};
  }
  return json;
}

/// An integer as it stands there: get<int>() would cut a fraction off, and overflow. Throws what
/// get<int>() throws for something of another type.
template <typename Integer, typename Json>
[[nodiscard]] Integer integer(const Json& json) {
  using Number = typename Json::number_integer_t;
  const Number number = json.template get_ref<const Number&>();
  const bool wraps = json.is_number_unsigned() && number < 0;  // beyond 2^63
  if (wraps || !std::in_range<Integer>(number)) (void)Json().template get_ref<const Number&>();
  return static_cast<Integer>(number);
}

template <typename Integer, typename Json>
[[nodiscard]] std::vector<Integer> integers(const Json& json) {
  std::vector<Integer> numbers;
  for (const Json& number : json.template get_ref<const typename Json::array_t&>()) {
    numbers.push_back(integer<Integer>(number));
  }
  return numbers;
}

}  // namespace attnviz
