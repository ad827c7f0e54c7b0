#include <gtest/gtest.h>

#include <cstdint>
#include <ostream>
#include <string>
#include <vector>

#include "attnviz/error.h"
#include "attnviz/text.h"
#include "text/gpt2.h"
#include "text/small_vocabulary.h"

namespace attnviz {

void PrintTo(const LabelPart& part, std::ostream* out) {
  *out << (part.is_mark ? "mark " : "own ") << part.text;
}

namespace {

LabelPart own(const std::string& text) {
  return {text, false};
}
LabelPart mark(const std::string& text) {
  return {text, true};
}

/// The labels of GPT-2's tokens of a text.
std::vector<Label> labels_of(std::string_view text) {
  return token_labels(gpt2(), gpt2().encode(text));
}

/// The label of a token that has exactly these bytes.
Label label_of(const std::string& bytes) {
  SmallVocabulary vocabulary;
  if (bytes.size() > 1) vocabulary.names.push_back(vocabulary.spell(bytes));
  vocabulary.write();
  const TokenId id = bytes.size() > 1 ? 256 : static_cast<unsigned char>(bytes[0]);
  return token_labels(Tokenizer(vocabulary.folder), {&id, 1})[0];
}

TEST(Labels, a_word_is_itself_and_its_space_is_a_mark) {
  const std::vector<Label> expected = {
      {own("The")}, {mark("·"), own("cat")}, {mark("·"), own("sat")}};
  EXPECT_EQ(labels_of("The cat sat"), expected);
}

TEST(Labels, there_is_one_label_per_token) {
  for (const std::string text : {"", " ", "To be or not to be", "日本語 🙂 e\u0301\n\n\t"}) {
    EXPECT_EQ(labels_of(text).size(), gpt2().encode(text).size());
  }
}

TEST(Labels, newlines_tabs_and_carriage_returns_have_signs_of_their_own) {
  EXPECT_EQ(labels_of("a\nb"), (std::vector<Label>{{own("a")}, {mark("⏎")}, {own("b")}}));
  EXPECT_EQ(label_of("\t"), Label{mark("⇥")});
  EXPECT_EQ(label_of("\r"), Label{mark("␍")});
}

TEST(Labels, neighbouring_marks_share_a_part_and_so_do_characters) {
  EXPECT_EQ(labels_of("\n\n"), std::vector<Label>{{mark("⏎⏎")}});
  EXPECT_EQ(label_of("  \t(a) b;"), (Label{mark("··⇥"), own("(a)"), mark("·"), own("b;")}));
}

TEST(Labels, a_character_that_is_cut_into_tokens_is_shown_as_bytes) {
  // 🙂 is F0 9F 99 82; GPT-2 has a token for each half.
  EXPECT_EQ(labels_of("🙂"),
            (std::vector<Label>{{mark("<0xF0><0x9F>")}, {mark("<0x99><0x82>")}}));
}

TEST(Labels, each_byte_that_is_no_whole_character_in_its_token_is_in_hexadecimal) {
  EXPECT_EQ(label_of("\xFF"), Label{mark("<0xFF>")});
  EXPECT_EQ(label_of("é\xC3"), (Label{own("é"), mark("<0xC3>")}));
  EXPECT_EQ(label_of(" \xE2\x80"), Label{mark("·<0xE2><0x80>")});
  EXPECT_EQ(label_of("\x99s"), (Label{mark("<0x99>"), own("s")}));
  EXPECT_EQ(label_of("\xED\xA0\x80"), Label{mark("<0xED><0xA0><0x80>")});  // a surrogate
}

TEST(Labels, whole_characters_of_any_script_are_themselves) {
  for (const std::string text :
       {"é", "привет", "日本", "שלום", "🙂", "ᄀ", "\ufffd", "\ue000", "½"}) {
    EXPECT_EQ(label_of(text), Label{own(text)});
  }
}

TEST(Labels, other_spaces_controls_and_invisible_characters_are_named_by_code_point) {
  EXPECT_EQ(label_of(std::string(1, '\0')), Label{mark("U+0000")});
  EXPECT_EQ(label_of("\x1b"), Label{mark("U+001B")});
  EXPECT_EQ(label_of("\x7f"), Label{mark("U+007F")});
  EXPECT_EQ(label_of("\u0085"), Label{mark("U+0085")});
  EXPECT_EQ(label_of("\u00a0x"), (Label{mark("U+00A0"), own("x")}));
  EXPECT_EQ(label_of("soft\u00ad"), (Label{own("soft"), mark("U+00AD")}));
  EXPECT_EQ(label_of("\u200b\u200d"), Label{mark("U+200BU+200D")});
  EXPECT_EQ(label_of("\u2028"), Label{mark("U+2028")});
  EXPECT_EQ(label_of("\u3000"), Label{mark("U+3000")});
  EXPECT_EQ(label_of("❤\ufe0f"), (Label{own("❤"), mark("U+FE0F")}));
  EXPECT_EQ(label_of("\ufeff"), Label{mark("U+FEFF")});
  EXPECT_EQ(label_of("\ufff9"), Label{mark("U+FFF9")});
  EXPECT_EQ(label_of("\uffff"), Label{mark("U+FFFF")});
  EXPECT_EQ(label_of("\U000e0067"), Label{mark("U+E0067")});
  EXPECT_EQ(label_of("\U0010ffff"), Label{mark("U+10FFFF")});
}

TEST(Labels, a_combining_mark_with_nothing_to_stand_on_gets_a_dotted_circle) {
  EXPECT_EQ(label_of("\u0301"), Label{mark("◌\u0301")});
  EXPECT_EQ(label_of(" \u0301"), Label{mark("·◌\u0301")});
  EXPECT_EQ(label_of("e\u0301\u0323"), Label{own("e\u0301\u0323")});
  EXPECT_EQ(label_of("\u094dष"), (Label{mark("◌\u094d"), own("ष")}));
  EXPECT_EQ(label_of("\u20e3"), Label{mark("◌\u20e3")});
}

TEST(Labels, plain_joins_the_parts) {
  EXPECT_EQ(plain({mark("·"), own("cat"), mark("⏎")}), "·cat⏎");
  EXPECT_EQ(plain({}), "");
}

TEST(Labels, an_id_outside_the_vocabulary_is_an_error) {
  for (const TokenId id : {TokenId{-1}, TokenId{50257}, INT64_MAX, INT64_MIN}) {
    const TokenIds ids = {464, id};
    EXPECT_THROW(static_cast<void>(token_labels(gpt2(), ids)), VocabularyError);
  }
}

}  // namespace
}  // namespace attnviz
