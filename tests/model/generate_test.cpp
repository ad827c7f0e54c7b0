#include "attnviz/generate.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "attnviz/error.h"
#include "hand_made_gpt.h"
#include "test_models.h"

namespace attnviz {
namespace {

Model tiny_model(const TemporaryFolder& folder) {
  const auto path = folder.path() / "tiny.pt";
  torch::jit::Module gpt = build_gpt(tiny_gpt(), 5);
  for (const at::Tensor& weight : gpt.parameters()) weight.set_data(weight * 3);  // sharper
  save_gpt(gpt, {tiny_gpt(), {}}, path, Precision::single);
  return Model(path);
}

TokenIds ids_of(const std::vector<GeneratedToken>& tokens) {
  TokenIds ids;
  for (const GeneratedToken& token : tokens) ids.push_back(token.id);
  return ids;
}

TEST(Generate, a_model_that_copies_goes_on_with_what_was_repeated) {
  const TemporaryFolder folder;
  const auto path = folder.path() / "hand.pt";
  save_gpt(hand_made_gpt(), {HandMadeWeights::config(), {}}, path, Precision::single);
  Model model(path);
  const TokenIds text = {'x', 'a', 'b', 'c', 'd', 'a'};
  const auto tokens = generate(model, text, {.n_tokens = 5});
  EXPECT_EQ(ids_of(tokens), (TokenIds{'b', 'c', 'd', 'a', 'b'}));
  EXPECT_GT(tokens[0].probability, 1.0 / 256);
}

TEST(Generate, each_token_is_the_most_probable_after_all_before_it) {
  const TemporaryFolder folder;
  Model model = tiny_model(folder);
  TokenIds text = {3, 1, 4};
  for (const GeneratedToken& token : generate(model, text, {.n_tokens = 6})) {
    const at::Tensor logits = model.logits(text)[-1].to(at::kDouble);
    EXPECT_EQ(token.id, logits.argmax().item<std::int64_t>());
    EXPECT_NEAR(token.probability, logits.softmax(0)[token.id].item<double>(), 1e-12);
    text.push_back(token.id);
  }
}

TEST(Generate, a_seed_gives_the_same_tokens_and_another_one_others) {
  const TemporaryFolder folder;
  Model model = tiny_model(folder);
  const auto drawn = [&](std::uint64_t seed, std::int64_t top_k = 0) {
    return ids_of(generate(model, {3, 1},
                           {.n_tokens = 12, .temperature = 1.5, .top_k = top_k, .seed = seed}));
  };
  EXPECT_EQ(drawn(1), drawn(1));
  EXPECT_NE(drawn(1), drawn(2));
  EXPECT_EQ(drawn(1, 1), ids_of(generate(model, {3, 1}, {.n_tokens = 12})));
}

TEST(Generate, tokens_are_drawn_as_often_as_their_probability_says) {
  const TemporaryFolder folder;
  Model model = tiny_model(folder);
  constexpr double kTemperature = 2;
  const at::Tensor logits = model.logits({3, 1})[-1].to(at::kDouble);
  const at::Tensor expected = (logits / kTemperature).softmax(0);
  constexpr int kDraws = 600;
  std::vector<int> counts(40);
  for (std::uint64_t seed = 0; seed < kDraws; ++seed) {
    const auto token =
        generate(model, {3, 1}, {.n_tokens = 1, .temperature = kTemperature, .seed = seed})[0];
    ++counts[std::size_t(token.id)];
    EXPECT_NEAR(token.probability, logits.softmax(0)[token.id].item<double>(), 1e-12);
  }
  for (std::size_t id = 0; id < counts.size(); ++id) {
    const double p = expected[std::int64_t(id)].item<double>();
    const double sd = std::sqrt(p * (1 - p) / kDraws);
    EXPECT_NEAR(double(counts[id]) / kDraws, p, 4.5 * sd + 1e-3) << id;
  }
}

TEST(Generate, the_rarest_tokens_are_left_out_where_only_the_best_may_be_drawn) {
  const TemporaryFolder folder;
  Model model = tiny_model(folder);
  const at::Tensor best = std::get<1>(model.logits({3, 1})[-1].topk(3));
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    const auto token =
        generate(model, {3, 1}, {.n_tokens = 1, .temperature = 50, .top_k = 3, .seed = seed})[0];
    EXPECT_TRUE((best == token.id).any().item<bool>());
  }
}

TEST(Generate, what_cannot_be_is_refused) {
  const TemporaryFolder folder;
  Model model = tiny_model(folder);
  const TokenIds text(30, 1);
  EXPECT_EQ(generate(model, text, {.n_tokens = 2}).size(), 2U);
  try {
    (void)generate(model, text, {.n_tokens = 3});
    ADD_FAILURE();
  } catch (const ModelError& error) {
    EXPECT_NE(std::string(error.what())
                  .find("has 32 positions and the text 30 tokens: it can go on "
                        "by 2"),
              std::string::npos)
        << error.what();
  }
  EXPECT_THROW((void)generate(model, text, {.n_tokens = 0}), UsageError);
  EXPECT_THROW((void)generate(model, text, {.n_tokens = 1, .temperature = -1}), UsageError);
  EXPECT_THROW((void)generate(model, text, {.n_tokens = 1, .top_k = -1}), UsageError);
}

}  // namespace
}  // namespace attnviz
