#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "attnviz/error.h"
#include "attnviz/text.h"
#include "text/small_vocabulary.h"

namespace attnviz {
namespace {

using Pairs = std::vector<std::pair<std::string, std::string>>;

/// The message that a vocabulary is refused with, or "" where it is accepted.
std::string refusal(const SmallVocabulary& vocabulary) {
  try {
    Tokenizer tokenizer(vocabulary.folder);
  } catch (const VocabularyError& error) {
    const std::string message = error.what();
    EXPECT_EQ(message.find('\n'), std::string::npos) << message;
    EXPECT_NE(message.find(vocabulary.folder.string()), std::string::npos) << message;
    return message;
  }
  return "";
}

void expect_words(const std::string& message, const std::vector<std::string>& words) {
  for (const std::string& word : words) {
    EXPECT_NE(message.find(word), std::string::npos) << word << " is not in: " << message;
  }
}

/// Byte-pair encoding as Radford et al. define it: merge the best pair everywhere, begin again.
std::vector<std::string> merge_by_definition(std::vector<std::string> word, const Pairs& merges) {
  while (true) {
    auto best = merges.end();
    for (std::size_t i = 0; i + 1 < word.size(); ++i) {
      best =
          std::min(best, std::find(merges.begin(), merges.end(), std::pair(word[i], word[i + 1])));
    }
    if (best == merges.end()) return word;
    std::vector<std::string> merged;
    for (std::size_t i = 0; i < word.size(); ++i) {
      const bool is_pair = i + 1 < word.size() && std::pair(word[i], word[i + 1]) == *best;
      merged.push_back(is_pair ? word[i] + word[i + 1] : word[i]);
      i += is_pair;
    }
    word = merged;
  }
}

TEST(Vocabulary, ids_come_from_vocab_json_in_any_order) {
  SmallVocabulary vocabulary;
  vocabulary.names.insert(vocabulary.names.begin(), "<pad>");
  vocabulary.add_merge("t", "h");
  vocabulary.add_merge("th", "e");
  vocabulary.add_merge("Ġ", "the");
  vocabulary.names.push_back("<mask me>");  // not in the byte alphabet: stands for itself
  std::reverse(vocabulary.names.begin(), vocabulary.names.end());
  vocabulary.write();
  const Tokenizer tokenizer(vocabulary.folder);
  EXPECT_EQ(tokenizer.size(), 261u);
  EXPECT_EQ(tokenizer.encode("the the"), (TokenIds{2, 1}));
  const TokenIds added = {0, 260};
  EXPECT_EQ(tokenizer.decode(added), "<mask me><pad>");
}

/// All words of one to n letters a and b.
std::vector<std::string> words_of(std::size_t n) {
  std::vector<std::string> words = {"a", "b"};
  for (std::size_t i = 0; words[i].size() < n; ++i) {
    words.push_back(words[i] + "a");
    words.push_back(words[i] + "b");
  }
  return words;
}

// Random merges in a random order, with several ways to one token: then it matters that a pair that
// comes up in a pass waits for the next one.
TEST(Vocabulary, merges_are_applied_as_the_definition_says) {
  std::mt19937 random(3);
  const std::vector<std::string> tokens = words_of(5);
  for (int round = 0; round < 50; ++round) {
    SmallVocabulary vocabulary;
    Pairs merges;
    while (merges.size() < 40) {
      const std::pair merge(tokens[random() % tokens.size()], tokens[random() % tokens.size()]);
      const bool is_new = std::find(merges.begin(), merges.end(), merge) == merges.end();
      if (merge.first.size() + merge.second.size() > 5 || !is_new) continue;
      vocabulary.add_merge(merge.first, merge.second);
      merges.push_back(merge);
    }
    for (const std::string& token : tokens) vocabulary.add_token(token);
    vocabulary.write();
    const Tokenizer tokenizer(vocabulary.folder);
    for (int text = 0; text < 20; ++text) {
      std::vector<std::string> letters(1 + random() % 40);
      std::string joined;
      for (std::string& letter : letters) joined += letter = tokens[random() % 2];
      std::vector<std::string> pieces;
      for (const TokenId id : tokenizer.encode(joined))
        pieces.push_back(tokenizer.decode({&id, 1}));
      ASSERT_EQ(pieces, merge_by_definition(letters, merges)) << vocabulary.merges << joined;
    }
  }
}

TEST(Vocabulary, merges_txt_may_lack_its_first_line_and_have_windows_line_ends) {
  SmallVocabulary vocabulary;
  vocabulary.add_merge("a", "b");
  vocabulary.merges = "a b\r\n\r\n";
  vocabulary.write();
  EXPECT_EQ(Tokenizer(vocabulary.folder).encode("ab"), TokenIds{256});
}

TEST(Vocabulary, a_missing_file_is_a_file_error_that_names_it) {
  SmallVocabulary vocabulary;
  EXPECT_THROW(Tokenizer("no such folder"), FileError);
  vocabulary.write();
  std::filesystem::remove(vocabulary.folder / "merges.txt");
  try {
    Tokenizer tokenizer(vocabulary.folder);
    FAIL();
  } catch (const FileError& error) {
    expect_words(error.what(), {"merges.txt"});
  }
}

TEST(Vocabulary, refuses_what_is_no_json_object_of_tokens_and_ids) {
  const SmallVocabulary vocabulary;
  const std::vector<std::pair<std::string, std::string>> damaged = {
      {"", "not valid JSON"},
      {R"({"a": 0, "b)", "not valid JSON at byte 12"},
      {R"({"a": 0} {})", "not valid JSON"},
      {"{\"\xFF\": 0}", "not valid JSON"},
      {R"(["a", "b"])", "not an object"},
      {"7", "not an object"},
      {R"({"a": -1})", "negative"},
      {R"({"a": 1.5})", "fractional"},
      {R"({"a": "b"})", "string"},
      {R"({"a": null})", "null"},
      {R"({"a": true})", "true or false"},
      {R"({"a": {"b": 0}})", "object"},
      {R"({"a": [0]})", "array"},
      {R"({"": 0})", "at least one byte"},
      {R"({"a": 123456789012})", "123456789012"},
      {R"({"a": 99999999999999999999999999})", "a"},
      {R"({"line\nbreak": -1})", "line\\x0Abreak"},
  };
  for (const auto& [json, words] : damaged) {
    vocabulary.write(json, vocabulary.merges);
    expect_words(refusal(vocabulary), {"vocab.json", words});
  }
}

TEST(Vocabulary, refuses_ids_that_are_not_0_to_n_without_a_gap) {
  SmallVocabulary vocabulary;
  vocabulary.write(R"({"a": 0, "b": 1, "c": 1})", vocabulary.merges);
  expect_words(refusal(vocabulary), {"\"b\"", "\"c\"", "the id 1"});
  vocabulary.write(R"({"a": 0, "b": 2})", vocabulary.merges);
  expect_words(refusal(vocabulary), {"no token with the id 1"});
  vocabulary.write(R"({"a": 0, "b": 1, "a": 2})", vocabulary.merges);
  expect_words(refusal(vocabulary), {"\"a\" twice", "0 and 2"});
}

TEST(Vocabulary, refuses_one_without_a_token_for_every_byte) {
  SmallVocabulary vocabulary;
  std::swap(vocabulary.names[' '], vocabulary.names.back());
  vocabulary.names.pop_back();
  vocabulary.write();
  expect_words(refusal(vocabulary), {"vocab.json", "the byte 32"});
}

TEST(Vocabulary, refuses_merges_that_do_not_fit_and_names_their_line) {
  for (const auto& [line, words] :
       std::vector<std::pair<std::string, std::string>>{{"ab", "two tokens"},
                                                        {"a b c", "two tokens"},
                                                        {"a  b", "two tokens"},
                                                        {"a b", "repeats"},
                                                        {"zz a", "\"zz\""},
                                                        {"a zz", "\"zz\""},
                                                        {"b a", "\"ba\""},
                                                        {" a", "\"\""},
                                                        {"#version: 0.3", "\"#version:\""}}) {
    SmallVocabulary vocabulary;
    vocabulary.add_merge("a", "b");
    vocabulary.merges += line + "\n";
    vocabulary.write();
    expect_words(refusal(vocabulary), {"merges.txt line 3 ", words});
  }
}

TEST(Vocabulary, refuses_merges_that_were_cut_off_at_a_line_end) {
  SmallVocabulary vocabulary;
  for (int i = 0; i < 2000; ++i) vocabulary.names.push_back("token" + std::to_string(i));
  vocabulary.write();
  expect_words(refusal(vocabulary), {"merges.txt has 0 merges", "2256 tokens"});
}

}  // namespace
}  // namespace attnviz
