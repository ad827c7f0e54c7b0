#include <gtest/gtest.h>

#include <string>

#include "attnviz/error.h"
#include "attnviz/text.h"

namespace attnviz {
namespace {

/// The message of require_utf8, or "" where the text is accepted.
std::string refusal(std::string_view text) {
  try {
    require_utf8(text);
  } catch (const TextError& error) {
    return error.what();
  }
  return "";
}

TEST(RequireUtf8, accepts_every_code_point_at_the_edges_of_its_ranges) {
  using namespace std::string_view_literals;
  for (const std::string_view text :
       {""sv, "\0"sv, "\x7F"sv, "\xC2\x80"sv, "\xDF\xBF"sv, "\xE0\xA0\x80"sv, "\xED\x9F\xBF"sv,
        "\xEE\x80\x80"sv, "\xEF\xBF\xBF"sv, "\xF0\x90\x80\x80"sv, "\xF4\x8F\xBF\xBF"sv,
        "\xEF\xBB\xBFwith a byte order mark"sv}) {
    EXPECT_EQ(refusal(text), "");
  }
}

TEST(RequireUtf8, refuses_overlong_forms_surrogates_and_what_is_past_the_last_code_point) {
  for (const std::string_view text :
       {"\xC0\x80", "\xC1\xBF", "\xE0\x80\x80", "\xE0\x9F\xBF", "\xF0\x80\x80\x80",
        "\xF0\x8F\xBF\xBF", "\xED\xA0\x80", "\xED\xBF\xBF", "\xF4\x90\x80\x80", "\xF5\x80\x80\x80",
        "\xFF", "\xFE"}) {
    EXPECT_NE(refusal(text), "") << testing::PrintToString(text);
  }
}

TEST(RequireUtf8, refuses_characters_that_are_cut_off_at_the_end_or_by_the_next_one) {
  for (const std::string_view text :
       {"\x80", "\xBF", "\xC3", "\xE2\x82", "\xF0\x9F\x99", "\xC3(", "\xE2\x82(", "\xE2(\x82",
        "\xF0\x9F\x99(", "\xF0\x9F\xC3\xA9", "\xC3\xC3\xA9"}) {
    EXPECT_NE(refusal(text), "") << testing::PrintToString(text);
  }
}

TEST(RequireUtf8, says_which_byte_it_is_where_it_is_and_what_to_do) {
  const std::string message = refusal("un gar\xE7on");  // Latin-1
  EXPECT_NE(message.find("0xE7"), std::string::npos) << message;
  EXPECT_NE(message.find("offset 6"), std::string::npos) << message;
  EXPECT_NE(message.find("iconv"), std::string::npos) << message;
  EXPECT_EQ(message.find('\n'), std::string::npos) << message;
}

TEST(RequireUtf8, counts_offsets_in_bytes_at_every_distance_from_the_start) {
  for (std::size_t before = 0; before < 40; ++before) {
    const std::string ascii = std::string(before, 'x') + "\xFFyyyyyyyyyyyyyyyy";
    EXPECT_NE(refusal(ascii).find("offset " + std::to_string(before) + ";"), std::string::npos);
    const std::string accents = std::string(before, 'x') + "é\x80";
    EXPECT_NE(refusal(accents).find("offset " + std::to_string(before + 2) + ";"),
              std::string::npos);
  }
}

}  // namespace
}  // namespace attnviz
