#include <gtest/gtest.h>

#include "attnviz/text.h"

namespace attnviz {
namespace {

using Strings = std::vector<std::string>;

/// The pieces of each word, joined.
Strings words(const Strings& pieces) {
  Strings joined;
  const std::vector<std::size_t> starts = word_starts(pieces);
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    if (joined.size() < starts.size() && starts[joined.size()] == i) joined.emplace_back();
    joined.back() += pieces[i];
  }
  return joined;
}

TEST(Pieces, tokens_of_other_tokenizers_are_read_by_their_marks) {
  EXPECT_EQ(pieces_named({"The", "Ġcat", "Ċ", "caf", "Ã©"}),
            (Strings{"The", " cat", "\n", "caf", "é"}));
  EXPECT_EQ(pieces_named({"▁The", "▁un", "believ", "<0x0A>", "</s>"}),
            (Strings{" The", " un", "believ", "\n", "</s>"}));
  EXPECT_EQ(pieces_named({"[CLS]", "un", "##believ", "##able", "cat"}),
            (Strings{"[CLS]", " un", "believ", "able", " cat"}));
}

TEST(Pieces, tokens_without_marks_stand_for_themselves) {
  const Strings plain = {"The", " cat", "###", "##", "Ã©", "<0x0A>"};
  EXPECT_EQ(pieces_named(plain), plain);
  // A list of words, as a person writes it, or of a tokenizer that happened to cut none.
  EXPECT_EQ(pieces_named({"[CLS]", "the", "man", "."}), (Strings{"[CLS]", " the", " man", " ."}));
  EXPECT_TRUE(pieces_named({}).empty());
}

TEST(Pieces, words_are_those_of_the_pattern) {
  EXPECT_EQ(words({"un", "believ", "able", " cats", ",", " don", "'t", " 12", "34", "\n"}),
            (Strings{"unbelievable", " cats", ",", " don", "'t", " 1234", "\n"}));
}

TEST(Pieces, a_token_that_holds_two_words_is_one) {
  EXPECT_EQ(words({"New York", "er", " is"}), (Strings{"New Yorker", " is"}));
}

TEST(Pieces, bytes_that_are_no_characters_and_empty_tokens_are_words_of_their_own) {
  EXPECT_EQ(words({"a", "\xC3", "\xA9", "b"}), (Strings{"aéb"}));
  EXPECT_EQ(words({"a", "\xFF", "b"}), (Strings{"a", "\xFF", "b"}));
  EXPECT_EQ(words({""}), (Strings{""}));
}

}  // namespace
}  // namespace attnviz
