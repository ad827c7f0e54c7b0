#include "figure/lettering.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <opencv2/imgproc.hpp>

#include "attnviz/error.h"
#include "figure/characters.h"
#include "figure/colours.h"
#include "figure/fonts.h"

namespace attnviz {
namespace {

Label plain_label(const std::string& text) {
  return {{text, false}};
}

std::string joined(const Label& label) {
  std::string text;
  for (const auto& part : label) text += part.text;
  return text;
}

TextItem item(const Label& parts, int angle = 0, Anchor anchor = Anchor::start) {
  TextItem text;
  text.parts = parts;
  text.size = 24;
  text.angle = angle;
  text.anchor = anchor;
  return text;
}

std::int64_t ink_of(const cv::Mat1b& cover) {
  return cv::countNonZero(cover);
}

TEST(Lettering, what_is_painted_is_where_it_was_measured) {
  for (const auto* words : {"question", "Åjgpq|", "0.34", "שלום", "…"}) {
    for (const auto anchor : {Anchor::start, Anchor::middle, Anchor::end}) {
      const Box box = measure(plain_label(words), 24, anchor);
      const auto ink = letter(item(plain_label(words), 0, anchor));
      const cv::Rect covered = cv::boundingRect(ink.characters);
      EXPECT_NEAR(ink.left + covered.x, box.x, 1) << words;
      EXPECT_NEAR(ink.top + covered.y, box.y, 1) << words;
      EXPECT_NEAR(covered.width, box.width, 1.6) << words;
      EXPECT_NEAR(covered.height, box.height, 1.6) << words;
    }
  }
}

TEST(Lettering, text_turned_by_90_degrees_is_the_upright_text_turned) {
  const auto upright = letter(item(plain_label("question")));
  const auto turned = letter(item(plain_label("question"), 90));
  cv::Mat1b expected;
  cv::rotate(upright.characters, expected, cv::ROTATE_90_COUNTERCLOCKWISE);
  ASSERT_EQ(turned.characters.size(), expected.size());
  EXPECT_EQ(cv::countNonZero(turned.characters != expected), 0);
  EXPECT_EQ(turned.left, upright.top);
  EXPECT_EQ(turned.top, -(upright.left + upright.characters.cols));
}

TEST(Lettering, text_turned_by_45_degrees_keeps_its_ink_and_its_place) {
  const auto upright = letter(item(plain_label("question"), 0, Anchor::end));
  const auto turned = letter(item(plain_label("question"), 45, Anchor::end));
  EXPECT_NEAR(cv::sum(turned.characters)[0], cv::sum(upright.characters)[0],
              0.02 * cv::sum(upright.characters)[0]);
  const auto centre = [](const Lettering& ink) {
    const auto m = cv::moments(ink.characters);
    return cv::Point2d(m.m10 / m.m00 + ink.left + 0.5, m.m01 / m.m00 + ink.top + 0.5);
  };
  const auto from = centre(upright), to = centre(turned);
  const double c = std::sqrt(0.5);
  EXPECT_NEAR(to.x, c * (from.x + from.y), 0.3);
  EXPECT_NEAR(to.y, c * (from.y - from.x), 0.3);
}

TEST(Lettering, marks_are_inked_apart_from_characters) {
  const auto ink = letter(item({{"·", true}, {"be", false}}));
  const cv::Rect mark = cv::boundingRect(ink.marks), word = cv::boundingRect(ink.characters);
  EXPECT_GT(mark.width, 0);
  EXPECT_LE(mark.br().x, word.x);
}

TEST(Lettering, a_character_that_no_font_has_is_spelled_as_its_code_point) {
  const auto missing = plain_label("\xF4\x8F\xBF\xBD");  // U+10FFFD
  const Label spelled{{"U+10FFFD", true}};
  EXPECT_EQ(measure(missing, 24).width, measure(spelled, 24).width);
  EXPECT_EQ(cv::countNonZero(letter(item(missing)).marks != letter(item(spelled)).marks), 0);
}

TEST(Lettering, nothing_invisible_or_broken_vanishes) {
  for (const std::string text : {"\x01", "\xFF", "\xE2\x80\x8D", "\x7F", "\xC3", "\xED\xA0\x80"}) {
    EXPECT_GT(ink_of(letter(item(plain_label(text))).marks), 0) << text;
  }
}

TEST(Lettering, words_from_right_to_left_are_turned_round) {
  const auto word = letter(item(plain_label("אב"))), bet = letter(item(plain_label("ב")));
  // The second letter, bet, stands at the left, just as it stands alone.
  const cv::Rect part(0, 0, bet.characters.cols - 2, bet.characters.rows);
  const cv::Rect same = part + cv::Point(0, bet.top - word.top);
  EXPECT_EQ(cv::countNonZero(word.characters(same) != bet.characters(part)), 0);
}

TEST(Lettering, accents_stay_on_their_letters_when_a_word_is_turned_round) {
  const auto dotted = measure(plain_label("\u05D0\u05B8\u05D1"), 24);
  EXPECT_EQ(dotted.width, measure(plain_label("\u05D0\u05D1"), 24).width);
}

TEST(Lettering, a_label_of_nothing_but_blanks_is_spelled) {
  const auto blank = letter(item(plain_label("\u00A0")));
  const auto spelled = letter(item({{"U+00A0", true}}));
  EXPECT_EQ(cv::countNonZero(blank.marks != spelled.marks), 0);
}

TEST(Lettering, control_characters_of_a_title_become_marks) {
  EXPECT_EQ(visible("a\nb\tc"),
            (Label{{"a", false}, {"⏎", true}, {"b", false}, {"⇥", true}, {"c", false}}));
  EXPECT_EQ(joined(visible("a\r\nb")), "a⏎b");
  EXPECT_TRUE(visible("").empty());
}

TEST(Lettering, what_fits_is_not_shortened) {
  EXPECT_EQ(joined(shortened(plain_label("short"), 24, 500, "\"", "\"")), "\"short\"");
}

TEST(Lettering, what_is_too_long_ends_with_an_ellipsis_and_fits) {
  for (const double width : {60., 100., 333.}) {
    const auto label = shortened(plain_label(std::string(5000, 'm')), 24, width, "\"", "\"");
    EXPECT_LE(measure(label, 24).width, width);
    EXPECT_EQ(joined(label).substr(joined(label).size() - 4), "…\"");
    EXPECT_GT(joined(label).size(), 4U);
  }
}

TEST(Lettering, shortening_keeps_characters_whole_and_marks_light) {
  const Label label{{"·", true}, {"ééééééééééééééééééé", false}};
  const auto cut = shortened(label, 24, 120);
  EXPECT_TRUE(
      std::any_of(cut.begin(), cut.end(), [](const LabelPart& part) { return part.is_mark; }));
  for (const auto& part : cut) {
    for (const auto& character : characters_of(part.text)) EXPECT_FALSE(character.is_stray);
  }
}

TEST(Lettering, shortening_inside_keeps_both_ends_and_as_much_as_fits) {
  const auto name = plain_label("runs/" + std::string(300, 'm') + "/step-200.pt");
  for (const double width : {60.0, 350.0, 1000.0}) {
    const auto cut = shortened_inside(name, 24, width);
    const auto text = joined(cut);
    const auto middle = text.find("…");
    ASSERT_NE(middle, std::string::npos);
    EXPECT_TRUE(joined(name).starts_with(text.substr(0, middle))) << text;
    EXPECT_TRUE(joined(name).ends_with(text.substr(middle + 3))) << text;
    EXPECT_NEAR(static_cast<double>(middle), static_cast<double>(text.size() - middle - 3), 1);
    EXPECT_LE(measure(cut, 24).width, width);
    EXPECT_GT(measure(cut, 24).width, width - 24) << text;
  }
  EXPECT_EQ(joined(shortened_inside(name, 24, 1)), "…");
  EXPECT_EQ(joined(shortened_inside(plain_label("step-200.pt"), 24, 500)), "step-200.pt");
}

TEST(Lettering, shortening_inside_keeps_characters_whole_and_marks_light) {
  Label label;
  for (int i = 0; i < 40; ++i) label.insert(label.end(), {{"·", true}, {"öß", false}});
  const auto cut = shortened_inside(label, 24, 200);
  EXPECT_EQ(cut.front(), (LabelPart{"·", true}));
  EXPECT_EQ(cut.back(), (LabelPart{"öß", false}));
  EXPECT_EQ(joined(cut).find("<0x"), std::string::npos);
  EXPECT_LE(measure(cut, 24).width, 200);
}

TEST(Lettering, bytes_that_are_no_utf8_come_out_one_by_one) {
  const auto strays = [](const std::string& bytes) {
    int n = 0;
    for (const auto& character : characters_of(bytes)) n += character.is_stray ? 1 : 0;
    return n;
  };
  EXPECT_EQ(strays("é日😀"), 0);
  EXPECT_EQ(strays("\xC0\x80"), 2);          // overlong
  EXPECT_EQ(strays("\xED\xA0\x80"), 3);      // a surrogate
  EXPECT_EQ(strays("\xF4\x90\x80\x80"), 4);  // past U+10FFFF
  EXPECT_EQ(strays("\xE2\x82"), 2);          // cut short
}

TEST(Fonts, none_installed_is_an_error_that_names_the_package) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");  // fontconfig reads its variables only once
  const auto config = std::filesystem::temp_directory_path() / "attnviz_no_fonts.conf";
  std::ofstream(config) << "<?xml version=\"1.0\"?><fontconfig></fontconfig>";
  const auto ask = [&] {
    setenv("FONTCONFIG_FILE", config.c_str(), 1);
    try {
      (void)default_font("/no/such/font.ttf");
    } catch (const FigureError& error) {
      fprintf(stderr, "%s", error.what());
      std::exit(0);
    }
    std::exit(1);
  };
  EXPECT_EXIT(ask(), testing::ExitedWithCode(0), "fonts-dejavu-core");
}

}  // namespace
}  // namespace attnviz
