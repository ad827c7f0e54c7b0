#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "attnviz/error.h"
#include "attnviz/text.h"
#include "text/gpt2.h"

namespace attnviz {
namespace {

std::string round_trip(std::string_view bytes) {
  return gpt2().decode(gpt2().encode(bytes));
}

TEST(Gpt2, gives_the_published_ids_of_the_two_example_texts) {
  EXPECT_EQ(gpt2().encode("To be or not to be, that is the question"),
            (TokenIds{2514, 307, 393, 407, 284, 307, 11, 326, 318, 262, 1808}));
  EXPECT_EQ(gpt2().encode("The cat sat on the mat"), (TokenIds{464, 3797, 3332, 319, 262, 2603}));
}

// The judges are the tokenizers of Hugging Face and OpenAI: tests/data/text/make_gpt2_judged.py.
TEST(Gpt2, agrees_with_two_independent_tokenizers) {
  std::ifstream file(ATTNVIZ_TEST_DATA "/text/gpt2_judged.json");
  const auto cases = nlohmann::json::parse(file);
  ASSERT_GT(cases.size(), 300u);
  for (const auto& judged : cases) {
    const auto text = judged.at("text").get<std::string>();
    EXPECT_EQ(gpt2().encode(text), judged.at("ids").get<TokenIds>()) << judged.at("text");
    EXPECT_EQ(round_trip(text), text) << judged.at("text");
  }
}

TEST(Gpt2, an_empty_text_has_no_tokens) {
  EXPECT_TRUE(gpt2().encode("").empty());
  EXPECT_EQ(gpt2().decode({}), "");
}

TEST(Gpt2, the_end_of_text_token_can_be_read_but_not_written_in_a_text) {
  const TokenIds end = {50256};
  EXPECT_EQ(gpt2().decode(end), "<|endoftext|>");
  EXPECT_EQ(gpt2().encode("<|endoftext|>"), (TokenIds{27, 91, 437, 1659, 5239, 91, 29}));
}

TEST(Gpt2, bytes_that_are_no_utf8_are_encoded_one_by_one) {
  EXPECT_EQ(gpt2().encode("\xFF\xFE"), (TokenIds{187, 186}));
  EXPECT_EQ(gpt2().encode("The\xC3 cat").size(), 3u);
  EXPECT_EQ(gpt2().encode("\xE2\x82").size(), 2u);  // € without its last byte
}

TEST(Gpt2, every_byte_string_comes_back) {
  for (int byte = 0; byte < 256; ++byte) {
    const std::string one(1, static_cast<char>(byte));
    EXPECT_EQ(round_trip(one), one) << byte;
    EXPECT_EQ(round_trip("a " + one + "\xE2\x82 b"), "a " + one + "\xE2\x82 b") << byte;
  }
  std::mt19937 random(1);
  const std::string common = " \n\tea'st09\xC3\xA9\xE2\x82\xAC\xF0\x9F\x99\x82\xFF";
  for (int round = 0; round < 3000; ++round) {
    std::string bytes(random() % 60, '\0');
    for (char& byte : bytes) {
      byte = random() % 2 == 0 ? common[random() % common.size()] : static_cast<char>(random());
    }
    ASSERT_EQ(round_trip(bytes), bytes) << testing::PrintToString(bytes);
  }
}

TEST(Gpt2, a_repeated_text_has_its_ids_repeated_however_often) {
  const std::string once = " the quick fox doesn't see 1234 naïve 🙂 gulls;";
  const TokenIds ids = gpt2().encode(once);
  std::string text;
  TokenIds expected;
  for (int i = 0; i < 500; ++i) {
    text += once;
    expected.insert(expected.end(), ids.begin(), ids.end());
  }
  EXPECT_EQ(gpt2().encode(text), expected);
}

TEST(Gpt2, very_long_words_and_gaps_stay_within_memory_and_time) {
  constexpr std::size_t kLength = 1'000'000;
  EXPECT_EQ(gpt2().encode(std::string(kLength, 'a')).size(), kLength / 4);  // aaaa is a token
  std::mt19937 random(2);
  std::string letters(kLength, '\0');
  for (char& letter : letters) letter = static_cast<char>('a' + random() % 26);
  EXPECT_EQ(round_trip(letters), letters);
  for (const char filler : {' ', '\n', '\0', '1', '!', '\'', '\xFF'}) {
    const std::string run(kLength / 4, filler);
    EXPECT_EQ(round_trip(run), run) << int{filler};
    EXPECT_EQ(round_trip(run + "x"), run + "x") << int{filler};
  }
}

TEST(Gpt2, an_id_outside_the_vocabulary_is_an_error_that_names_it) {
  EXPECT_EQ(gpt2().size(), 50257u);
  const TokenIds ids = {464, 50257};
  try {
    static_cast<void>(gpt2().decode(ids));
    FAIL();
  } catch (const VocabularyError& error) {
    EXPECT_NE(std::string(error.what()).find("50257"), std::string::npos) << error.what();
    EXPECT_NE(std::string(error.what()).find("50256"), std::string::npos) << error.what();
  }
  const TokenIds negative = {-1};
  EXPECT_THROW(static_cast<void>(gpt2().decode(negative)), VocabularyError);
}

TEST(Gpt2, one_tokenizer_serves_many_threads) {
  const std::string text =
      "The keeper's eleven gulls weren't counted; 1723 were.\n\n  日本語 🙂\n";
  const TokenIds expected = gpt2().encode(text);
  std::vector<int> n_right(4);
  std::vector<std::jthread> threads;
  for (int& right : n_right) {
    threads.emplace_back([&] {
      for (int i = 0; i < 200; ++i) right += gpt2().encode(text) == expected;
    });
  }
  threads.clear();
  EXPECT_EQ(n_right, std::vector<int>(4, 200));
}

}  // namespace
}  // namespace attnviz
