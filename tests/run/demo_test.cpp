// What the built-in model is there for: heads whose patterns a person can recognise. Measured on a
// text of this project's own, which it was never trained on.
#include <gtest/gtest.h>
#include <torch/script.h>

#include <filesystem>
#include <random>

#include "attnviz/file.h"
#include "attnviz/run.h"

namespace attnviz {
namespace {

const std::filesystem::path kModel = ATTNVIZ_SOURCE_DIR "/models/demo.pt";
const std::filesystem::path kVocabulary = ATTNVIZ_SOURCE_DIR "/vocab/gpt2";
constexpr std::int64_t kWindow = 128;

TokenIds unseen_ids() {
  return Tokenizer(kVocabulary).encode(read_file(ATTNVIZ_TEST_DATA "/unseen.txt"));
}

/// The best head's mean of `score` over windows of the unseen text.
template <typename Score>
double best_on_text(Score score) {
  Model model(kModel);
  const TokenIds ids = unseen_ids();
  at::Tensor sum;
  double n = 0;
  for (std::size_t start = 0; start + kWindow <= ids.size(); start += kWindow, ++n) {
    const auto first = ids.begin() + std::int64_t(start);
    const auto patterns = check_patterns(model.capture(TokenIds(first, first + kWindow)));
    const at::Tensor scores = score(at::stack(patterns.layers));  // [layer, head]
    sum = sum.defined() ? sum + scores : scores;
  }
  EXPECT_GE(n, 3);
  return sum.max().item<double>() / n;
}

TEST(DemoModel, HasSixLayersOfEightHeadsAndTheVocabularyOfGpt2) {
  Model model(kModel);
  const auto patterns = check_patterns(model.capture({2514, 307, 393}));
  EXPECT_EQ(patterns.n_layers(), 6);
  for (int layer = 0; layer < 6; ++layer) EXPECT_EQ(patterns.n_heads(layer), 8);
  EXPECT_EQ(model.vocabulary_size(), 50257);
  EXPECT_EQ(model.n_positions(), 1024);
  EXPECT_LE(std::filesystem::file_size(kModel), 16'000'000U);
}

TEST(DemoModel, HasAPreviousTokenHead) {
  EXPECT_GE(best_on_text(previous_token_score), 0.4);
}

TEST(DemoModel, HasAFirstTokenOrCurrentTokenHead) {
  EXPECT_GE(std::max(best_on_text(first_token_score), best_on_text(current_token_score)), 0.4);
}

TEST(DemoModel, HasAnInductionHeadOnTextThatIsRepeated) {
  Model model(kModel);
  const TokenIds ids = unseen_ids();
  at::Tensor sum;
  double n = 0;
  for (std::size_t start = 0; start + 48 <= ids.size(); start += 48, ++n) {
    // Lengths that differ, so that no fixed distance can pass for induction.
    const std::int64_t length = 24 + std::int64_t(n) * 7 % 25;
    const auto first = ids.begin() + std::int64_t(start);
    TokenIds twice(first, first + length);
    twice.insert(twice.end(), first, first + length);
    const auto patterns = check_patterns(model.capture(twice));
    // The second copy only: a text of its own repeats words, too.
    const at::Tensor stacked = at::stack(patterns.layers).narrow(2, length, length);
    const at::Tensor target = stacked.diagonal(1, 2, 3).narrow(2, 0, length - 1);
    const at::Tensor score = target.mean(-1);
    sum = sum.defined() ? sum + score : score;
  }
  EXPECT_GE(sum.max().item<double>() / n, 0.4);
}

TEST(DemoModel, HasAnInductionHeadOnRepeatedRandomTokensAndItNeedsTheRepeat) {
  Model model(kModel);
  std::mt19937_64 random(5);
  std::uniform_int_distribution<TokenId> token(0, 50256);
  at::Tensor repeated, control;
  for (int probe = 0; probe < 12; ++probe) {
    const std::int64_t length = 12 + 4 * probe;
    TokenIds block(std::size_t(length), 0), other(std::size_t(length), 0);
    for (TokenId& id : block) id = token(random);
    for (TokenId& id : other) id = token(random);
    TokenIds twice = block, unrepeated = block;
    twice.insert(twice.end(), block.begin(), block.end());
    unrepeated.insert(unrepeated.end(), other.begin(), other.end());
    // Induction's offset: from the second copy to the token after the first occurrence.
    const auto score = [&](const TokenIds& ids) {
      const auto patterns = check_patterns(model.capture(ids));
      return at::stack(patterns.layers)
          .diagonal(1 - length, 2, 3)
          .narrow(2, 1, length - 1)
          .mean(-1);
    };
    repeated = repeated.defined() ? repeated + score(twice) : score(twice);
    control = control.defined() ? control + score(unrepeated) : score(unrepeated);
  }
  const auto best = repeated.flatten().argmax().item<std::int64_t>();
  EXPECT_GE(repeated.flatten()[best].item<double>() / 12, 0.4);
  EXPECT_LE(control.flatten()[best].item<double>() / 12, 0.1);
}

}  // namespace
}  // namespace attnviz
