#include "attnviz/gpt.h"

#include <gtest/gtest.h>
#include <torch/script.h>

#include <filesystem>

#include "attnviz/error.h"
#include "test_models.h"

namespace attnviz {
namespace {

TEST(Gpt, GivesLogitsAndOneCausalPatternALayer) {
  torch::jit::Module gpt = build_gpt(tiny_gpt(), 0);
  gpt.eval();
  const auto ids = torch::tensor({{3, 1, 4, 1, 5}});
  const auto output = gpt.get_method("forward_with_attention")({ids}).toTuple();
  const at::Tensor logits = output->elements()[0].toTensor();
  const std::vector<at::Tensor> patterns = output->elements()[1].toTensorVector();
  EXPECT_EQ(logits.sizes(), (std::vector<std::int64_t>{1, 5, 40}));
  ASSERT_EQ(patterns.size(), 2U);
  for (const at::Tensor& pattern : patterns) {
    EXPECT_EQ(pattern.sizes(), (std::vector<std::int64_t>{1, 4, 5, 5}));
    EXPECT_EQ(pattern.triu(1).abs().max().item<float>(), 0);
    EXPECT_TRUE(at::allclose(pattern.sum(-1), torch::ones({1, 4, 5})));
  }
  EXPECT_TRUE(at::equal(gpt.forward({ids}).toTensor(), logits));
}

TEST(Gpt, ALaterTokenChangesNoEarlierLogits) {
  torch::jit::Module gpt = build_gpt(tiny_gpt(), 0);
  gpt.eval();
  const at::Tensor a = gpt.forward({torch::tensor({{3, 1, 4, 1, 5}})}).toTensor();
  const at::Tensor b = gpt.forward({torch::tensor({{3, 1, 4, 1, 9}})}).toTensor();
  EXPECT_TRUE(at::allclose(a.narrow(1, 0, 4), b.narrow(1, 0, 4), 1e-5, 1e-6));
  EXPECT_FALSE(at::allclose(a, b, 1e-5, 1e-6));
}

TEST(Gpt, TheSameSeedGivesTheSameWeights) {
  const auto embedding = [](std::uint64_t seed) {
    return build_gpt(tiny_gpt(), seed).attr("token_embedding").toTensor();
  };
  EXPECT_TRUE(at::equal(embedding(7), embedding(7)));
  EXPECT_FALSE(at::equal(embedding(7), embedding(8)));
}

TEST(Gpt, RefusesHeadsThatDoNotDivideItsWidth) {
  GptConfig config = tiny_gpt();
  config.n_heads = 5;
  EXPECT_THROW((void)build_gpt(config, 0), UsageError);
}

TEST(Gpt, SavedInHalfItIsHalfTheSizeAndStillTheSameModel) {
  const TemporaryFolder folder;
  torch::jit::Module gpt = build_gpt(tiny_gpt(), 0);
  save_half(gpt, folder.path() / "gpt.pt");
  torch::jit::Module loaded = torch::jit::load((folder.path() / "gpt.pt").string());
  EXPECT_EQ(loaded.attr("token_embedding").toTensor().scalar_type(), at::kHalf);
  EXPECT_EQ(gpt.attr("token_embedding").toTensor().scalar_type(), at::kFloat);
  EXPECT_TRUE(at::allclose(loaded.attr("token_embedding").toTensor().to(at::kFloat),
                           gpt.attr("token_embedding").toTensor(), 1e-3, 1e-4));
}

}  // namespace
}  // namespace attnviz
