#include "attnviz/glance.h"

#include <gtest/gtest.h>

#include <sstream>

#include "attnviz/error.h"
#include "figure/characters.h"
#include "figure/fixtures.h"

namespace attnviz {
namespace {

/// What is seen of a line: without the escapes that colour it.
std::string seen(const std::string& line) {
  std::string text;
  for (std::size_t i = 0; i < line.size(); ++i) {
    if (line[i] == '\033') {
      i = line.find('m', i);
    } else {
      text += line[i];
    }
  }
  return text;
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

TEST(Glance, no_line_is_wider_than_the_terminal) {
  for (const std::size_t width : {40, 80, 131}) {
    for (const int n : {1, 5, 30, 200}) {
      for (const std::vector<int>& heads : {std::vector<int>{8, 8, 8}, {1}, {40}}) {
        for (const auto colours :
             {TerminalColours::none, TerminalColours::palette, TerminalColours::all}) {
          const std::string text = glance(
              view_of(make_light_patterns(heads, n), make_odd_labels(n), "x"), {width, colours});
          for (const std::string& line : lines_of(text)) {
            std::size_t columns = 0;
            for (const Character& character : characters_of(seen(line)))
              columns += columns_of(character.code);
            EXPECT_LE(columns, width) << line;
          }
        }
      }
    }
  }
}

// The head of the fixtures that looks at the token before: its diagonal, one cell below.
TEST(Glance, one_head_has_its_tokens_and_its_strong_cells) {
  const GlanceOptions options{
      80, TerminalColours::none, ColourScale::unit, {.layers = {0}, .heads = {0}}};
  const auto lines = lines_of(glance(view_of(make_patterns({4}, 5), make_labels(5), "x"), options));
  ASSERT_EQ(lines.size(), 9U);
  EXPECT_EQ(lines[0], "L0H0, rows: queries, columns: keys");
  EXPECT_EQ(lines[1], "  To ██");  // row 0 is 1
  EXPECT_EQ(lines[2].find(" ·be "), 0U);
  EXPECT_NE(lines[2].find(" █"), std::string::npos) << lines[2];
  EXPECT_EQ(lines[6], "     0 1 2 3 4");
  EXPECT_EQ(lines[8].find("0 "), 0U);
}

TEST(Glance, colours_are_escapes_of_the_figures_own_palette_and_always_ended) {
  const std::string all =
      glance(view_of(make_patterns({2}, 5), make_labels(5), "x"), {80, TerminalColours::all});
  EXPECT_NE(all.find("38;2;253;231;37"), std::string::npos) << "viridis' high end";
  const std::string palette =
      glance(view_of(make_patterns({2}, 5), make_labels(5), "x"), {80, TerminalColours::palette});
  EXPECT_NE(palette.find("38;5;"), std::string::npos);
  EXPECT_EQ(palette.find(";2;"), std::string::npos);
  for (const std::string& text : {all, palette}) {
    for (const std::string& line : lines_of(text)) {
      const auto last = line.rfind('\033');
      EXPECT_TRUE(last == std::string::npos || line.substr(last, 4) == "\033[0m") << line;
    }
  }
  EXPECT_EQ(glance(view_of(make_patterns({2}, 5), make_labels(5), "x"), {80, TerminalColours::none})
                .find('\033'),
            std::string::npos);
}

TEST(Glance, heads_that_are_gone_leave_gaps_and_unknown_ones_are_an_error) {
  const auto patterns = pruned(make_patterns({3, 3}, 4), {{0, 2}, {1}});
  const std::string text = glance(view_of(patterns, make_labels(4), "x"), {});
  EXPECT_NE(text.find("H2"), std::string::npos);
  EXPECT_THROW((void)glance(view_of(patterns, make_labels(4), "x"), {.choice = {.layers = {7}}}),
               UsageError);
}

}  // namespace
}  // namespace attnviz
