#include "attnviz/view.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>

#include "attnviz/error.h"

namespace attnviz {
namespace {

/// Two layers of three heads, all weights different, rows sum to 1.
AttentionPatterns some_patterns(std::int64_t n_queries, std::int64_t n_keys, bool causal) {
  AttentionPatterns patterns;
  patterns.causal = causal;
  for (int layer = 0; layer < 2; ++layer) {
    at::Tensor weights = at::empty({3, n_queries, n_keys});
    for (std::int64_t i = 0; i < weights.numel(); ++i) {
      const std::int64_t query = i / n_keys % n_queries, key = i % n_keys;
      const bool is_seen = !causal || key < n_seen(query, n_queries, n_keys);
      weights.data_ptr<float>()[i] = is_seen ? float(1 + (i * 7 + layer) % 11) : 0;
    }
    patterns.layers.push_back(weights / weights.sum(-1, true));
  }
  return patterns;
}

std::vector<Label> letters(std::size_t n) {
  std::vector<Label> labels;
  for (std::size_t i = 0; i < n; ++i) labels.push_back({{std::string(1, char('a' + i)), false}});
  return labels;
}

float at(const at::Tensor& values, std::int64_t q, std::int64_t k) {
  return values[q][k].item<float>();
}

TEST(View, chosen_heads_keep_their_numbers_and_the_rest_is_gone) {
  const AttentionPatterns all = some_patterns(4, 4, true);
  const AttentionPatterns some = select_heads(all, {.layers = {1}, .heads = {0, 2}});
  EXPECT_EQ(some.kept, (KeptHeads{{}, {0, 2}}));
  EXPECT_EQ(some.layers[0].sizes(), (std::vector<std::int64_t>{0, 4, 4}));
  EXPECT_TRUE(some.layers[1][1].equal(all.layers[1][2]));
  const AttentionPatterns one = select_heads(some, {.only = {{1, 2}}});
  EXPECT_EQ(one.kept, (KeptHeads{{}, {2}}));
  EXPECT_TRUE(select_heads(all, {}).layers[0].is_same(all.layers[0]));
}

TEST(View, heads_that_do_not_exist_are_refused_by_name) {
  const auto refuse = [](const HeadChoice& choice, const std::string& words) {
    try {
      (void)select_heads(some_patterns(4, 4, true), choice);
      ADD_FAILURE() << words;
    } catch (const UsageError& error) {
      EXPECT_NE(std::string(error.what()).find(words), std::string::npos) << error.what();
    }
  };
  refuse({.layers = {2}}, "there is no layer 2; there are layers 0 to 1");
  refuse({.heads = {1, 3}}, "there is no head 3; there are heads 0 to 2");
  refuse({.only = {{0, 3}}}, "there is no head L0H3");
  refuse({.only = {{5, 0}}}, "there is no head L5H0");
}

TEST(View, lists_of_numbers_are_read_or_refused) {
  EXPECT_EQ(numbers_named("0,3-5"), (std::vector<int>{0, 3, 4, 5}));
  EXPECT_EQ(numbers_named("7,2,2-3"), (std::vector<int>{2, 3, 7}));
  for (const auto* list : {"", ",", "1,", "-1", "1-", "5-3", "a", "1.5", "0x1", "99999", "1 2"}) {
    EXPECT_THROW((void)numbers_named(list), UsageError) << list;
  }
}

TEST(View, words_take_the_sum_over_keys_and_the_mean_over_queries) {
  const AttentionPatterns tokens = some_patterns(5, 5, true);
  const std::size_t starts[] = {0, 1, 3};  // a | b c | d e
  View view = view_of(tokens, letters(5), "abcde");
  view.n_prompt = 3;
  const View words = merge_words(view, starts, starts);
  ASSERT_EQ(words.keys.size(), 3U);
  EXPECT_EQ(plain(words.keys[1]), "bc");
  EXPECT_EQ(words.n_prompt, 2);
  ASSERT_EQ(words.notes.size(), 1U);
  const at::Tensor& was = tokens.layers[1][2];
  const at::Tensor now = words.patterns.layers[1][2];
  const double expected = ((at(was, 3, 1) + at(was, 3, 2)) + (at(was, 4, 1) + at(was, 4, 2))) / 2.0;
  EXPECT_NEAR(at(now, 2, 1), expected, 1e-6);
  EXPECT_NEAR(at(now, 1, 1), (at(was, 1, 1) + at(was, 2, 1) + at(was, 2, 2)) / 2, 1e-6);
  EXPECT_TRUE(now.sum(-1).allclose(at::ones({3})));
  EXPECT_EQ(at(now, 0, 1), 0);
}

TEST(View, words_that_begin_before_a_cache_s_first_query_are_not_taken_for_the_future) {
  const std::size_t keys[] = {0, 1, 3};  // a | b c | d e
  const std::size_t from_c[] = {0, 1}, from_d[] = {0};
  const View inside{some_patterns(3, 5, true), letters(3), letters(5), "x"};
  EXPECT_FALSE(merge_words(inside, from_c, keys).patterns.causal);
  const View between{some_patterns(2, 5, true), letters(2), letters(5), "x"};
  EXPECT_TRUE(merge_words(between, from_d, keys).patterns.causal);
}

TEST(View, words_may_begin_elsewhere_on_each_side) {
  const std::size_t queries[] = {0, 1}, keys[] = {0, 2};
  const View view{some_patterns(3, 4, false), letters(3), letters(4), "x"};
  const View words = merge_words(view, queries, keys);
  EXPECT_EQ(words.patterns.layers[0].sizes(), (std::vector<std::int64_t>{3, 2, 2}));
  const std::size_t none[] = {1}, twice[] = {0, 0}, beyond[] = {0, 3};
  EXPECT_THROW((void)merge_words(view, none, keys), ShapeError);
  EXPECT_THROW((void)merge_words(view, twice, keys), ShapeError);
  EXPECT_THROW((void)merge_words(view, beyond, keys), ShapeError);
}

TEST(View, without_the_first_key_rows_sum_to_1_again_and_a_row_of_it_alone_goes) {
  const at::Tensor pattern = some_patterns(4, 4, true).layers[0][0];
  const at::Tensor rest = focused(pattern, true, {.drop_first = true});
  ASSERT_EQ(rest.sizes(), (std::vector<std::int64_t>{3, 3}));
  EXPECT_TRUE(rest.sum(-1).allclose(at::ones({3})));
  EXPECT_NEAR(at(rest, 2, 1), at(pattern, 3, 2) / (1 - at(pattern, 3, 0)), 1e-6);
  EXPECT_EQ(at(rest, 0, 0), 1);
  // A bidirectional query sees other keys, and so does the first of a cache.
  EXPECT_EQ(focused(some_patterns(4, 4, false).layers[0][0], false, {.drop_first = true}).size(0),
            4);
  EXPECT_EQ(focused(some_patterns(2, 4, true).layers[0][0], true, {.drop_first = true}).size(0), 2);
  EXPECT_THROW((void)focused(at::ones({1, 1}), true, {.drop_first = true}), ShapeError);
}

TEST(View, a_row_with_nothing_but_the_first_key_is_left_blank_not_blown_up) {
  const at::Tensor pattern =
      at::tensor({1.F, 0.F, 0.F, 0.9999999F, 1e-7F, 0.F, 0.5F, 0.25F, 0.25F}).view({3, 3});
  const at::Tensor rest = focused(pattern, true, {.drop_first = true});
  EXPECT_TRUE(std::isnan(at(rest, 0, 0)));
  EXPECT_EQ(at(rest, 1, 0), 0.5F);
}

TEST(View, the_strongest_keys_of_each_query_stay_and_of_equal_ones_the_first) {
  const at::Tensor pattern =
      at::tensor({0.1F, 0.4F, 0.3F, 0.2F, 0.25F, 0.25F, 0.25F, 0.25F}).view({2, 4});
  const at::Tensor strongest = focused(pattern, false, {.top = 2});
  EXPECT_EQ(at(strongest, 0, 1), 0.4F);
  EXPECT_EQ(at(strongest, 0, 2), 0.3F);
  EXPECT_TRUE(std::isnan(at(strongest, 0, 0)));
  EXPECT_TRUE(std::isnan(at(strongest, 0, 3)));
  EXPECT_EQ(at(strongest, 1, 0), 0.25F);
  EXPECT_EQ(at(strongest, 1, 1), 0.25F);
  EXPECT_TRUE(std::isnan(at(strongest, 1, 2)));
  EXPECT_TRUE(focused(pattern, false, {.top = 9}).equal(pattern));
  // Those that are left once the first is out.
  EXPECT_NEAR(at(focused(pattern, false, {.drop_first = true, .top = 1}), 0, 0), 0.4 / 0.9, 1e-6);
}

TEST(View, what_was_done_is_told) {
  EXPECT_TRUE(notes_of({}).empty());
  EXPECT_EQ(notes_of({.drop_first = true, .top = 1}).size(), 2U);
  EXPECT_EQ(notes_of({.top = 3}).at(0), "only each query's 3 strongest keys");
}

}  // namespace
}  // namespace attnviz
