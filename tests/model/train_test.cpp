#include "attnviz/train.h"

#include <gtest/gtest.h>

#include <cmath>

#include "attnviz/error.h"
#include "test_models.h"

namespace attnviz {
namespace {

TokenIds counting_text(std::size_t n) {
  TokenIds ids(n);
  for (std::size_t i = 0; i < n; ++i) ids[i] = TokenId(i % 10);
  return ids;
}

TrainOptions short_training() {
  TrainOptions options;
  options.steps = 60;
  options.warmup_steps = 5;
  options.batch_tokens = 128;
  options.context = 16;
  options.repeat_share = 0.1;
  options.softmax_samples = 16;
  return options;
}

const auto kGoOn = [](const TrainProgress&) { return true; };

TEST(Train, LearnsASimpleText) {
  torch::jit::Module gpt = build_gpt(tiny_gpt(), 0);
  const std::vector<TokenIds> texts = {counting_text(400)};
  const double before = held_out_loss(gpt, texts, 16);
  TrainOptions options = short_training();
  options.steps = 150;
  train(gpt, texts, options, kGoOn);
  const double after = held_out_loss(gpt, texts, 16);
  EXPECT_GT(before, 3.0);  // ln 40 is 3.7
  EXPECT_LT(after, 1.5);
}

TEST(Train, TheSameSeedGivesTheSameWeights) {
  const auto trained = [] {
    torch::jit::Module gpt = build_gpt(tiny_gpt(), 3);
    TrainOptions options = short_training();
    options.steps = 8;
    train(gpt, {counting_text(100)}, options, kGoOn);
    return gpt.attr("token_embedding").toTensor().clone();
  };
  EXPECT_TRUE(at::equal(trained(), trained()));
}

TEST(Train, StopsWhenItIsTold) {
  torch::jit::Module gpt = build_gpt(tiny_gpt(), 0);
  std::int64_t last = 0;
  train(gpt, {counting_text(100)}, short_training(), [&](const TrainProgress& progress) {
    last = progress.step;
    return progress.step < 3;
  });
  EXPECT_EQ(last, 3);
}

TEST(Train, RefusesATextShorterThanAWindow) {
  torch::jit::Module gpt = build_gpt(tiny_gpt(), 0);
  EXPECT_THROW(train(gpt, {counting_text(16)}, short_training(), kGoOn), UsageError);
  EXPECT_THROW(train(gpt, {}, short_training(), kGoOn), UsageError);
}

TEST(HeldOutLoss, OfAModelThatKnowsNothingIsThatOfChance) {
  torch::jit::Module gpt = build_gpt(tiny_gpt(), 0);
  torch::NoGradGuard no_grad;
  gpt.attr("token_embedding").toTensor().zero_();  // all logits are 0
  EXPECT_NEAR(held_out_loss(gpt, {counting_text(50)}, 16), std::log(40.0), 1e-5);
  EXPECT_THROW((void)held_out_loss(gpt, {{1}}, 16), UsageError);
}

}  // namespace
}  // namespace attnviz
