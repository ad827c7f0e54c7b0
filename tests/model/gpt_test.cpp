#include "attnviz/gpt.h"

#include <gtest/gtest.h>
#include <torch/script.h>

#include <filesystem>

#include "attnviz/error.h"
#include "attnviz/model.h"
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

TEST(Gpt, TheFirstHeadOfALayerStartsWithEqualQueriesAndKeys) {
  const torch::jit::Module gpt = build_gpt(tiny_gpt(), 0);
  for (const char* layer : {"block_0", "block_1"}) {
    const torch::jit::Module block = gpt.attr(layer).toModule();
    const at::Tensor w_q = block.attr("w_q").toTensor(), w_k = block.attr("w_k").toTensor();
    EXPECT_TRUE(at::equal(w_q.narrow(0, 0, 4), w_k.narrow(0, 0, 4)));
    EXPECT_FALSE(at::equal(w_q.narrow(0, 4, 4), w_k.narrow(0, 4, 4)));
  }
}

TEST(Gpt, LoadedItGoesOnWhereItWasSaved) {
  const TemporaryFolder folder;
  const auto path = folder.path() / "gpt.pt";
  torch::jit::Module gpt = build_gpt(tiny_gpt(), 0);
  save_gpt(gpt, {tiny_gpt(), {}}, path, Precision::single);
  torch::jit::Module loaded = *load_gpt(path).module;
  EXPECT_TRUE(loaded.is_training());
  EXPECT_TRUE(loaded.attr("token_embedding").toTensor().requires_grad());
  EXPECT_TRUE(
      at::equal(loaded.attr("token_embedding").toTensor(), gpt.attr("token_embedding").toTensor()));
  gpt.save(path.string());  // without a record
  EXPECT_THROW((void)load_gpt(path), ModelError);
}

TEST(Gpt, RefusesHeadsThatDoNotDivideItsWidth) {
  EXPECT_THROW((void)trainable_gpt(2, 5, 16), UsageError);
}

TEST(Gpt, LayersMayHaveDifferentNumbersOfHeadsEvenNone) {
  GptConfig config = tiny_gpt();
  config.n_heads = {3, 0, 1};
  torch::jit::Module gpt = build_gpt(config, 0);
  gpt.eval();
  const auto patterns = gpt.get_method("forward_with_attention")({torch::tensor({{3, 1, 4}})})
                            .toTuple()
                            ->elements()[1]
                            .toTensorVector();
  ASSERT_EQ(patterns.size(), 3U);
  EXPECT_EQ(patterns[0].sizes(), (std::vector<std::int64_t>{1, 3, 3, 3}));
  EXPECT_EQ(patterns[1].size(1), 0);
  EXPECT_EQ(patterns[2].size(1), 1);
}

TEST(Gpt, SharedLayersAreOneSetOfWeights) {
  const TemporaryFolder folder;
  GptConfig config = tiny_gpt();
  const auto sets = [&] {
    save_gpt(build_gpt(config, 0), {config, {}}, folder.path() / "gpt.pt", Precision::single);
    return Model(folder.path() / "gpt.pt").info().n_weight_sets;
  };
  EXPECT_EQ(sets(), 2);
  config.shared_layers = true;
  EXPECT_EQ(sets(), 1);
  EXPECT_EQ(build_gpt(config, 0).named_children().size(), 1U);
}

TEST(Gpt, InfoSaysWhatItIs) {
  const TemporaryFolder folder;
  const Provenance provenance = {{"made by", "a test"}};
  const auto path = folder.path() / "gpt.pt";
  save_gpt(build_gpt(tiny_gpt(), 0), {tiny_gpt(), provenance}, path, Precision::half);
  const ModelInfo info = Model(path).info();
  EXPECT_EQ(info.n_heads, (std::vector<std::int64_t>{4, 4}));
  EXPECT_EQ(info.d_model, 16);
  EXPECT_EQ(info.vocabulary_size, 40);
  EXPECT_EQ(info.n_positions, 32);
  EXPECT_EQ(info.capture, CaptureMode::graph);
  // Embedding, final norm, and per layer two norms, four matrices and a bias, the feed-forward
  // part.
  EXPECT_EQ(info.n_parameters, 40 * 16 + 32 + 2 * (64 + 4 * 256 + 16 + 2 * 1024 + 64 + 16));
  ASSERT_TRUE(info.record.has_value());
  EXPECT_EQ(info.record->config, tiny_gpt());
  EXPECT_EQ(info.record->provenance, provenance);
}

TEST(Gpt, SavedInHalfItIsHalfTheSizeAndStillTheSameModel) {
  const TemporaryFolder folder;
  torch::jit::Module gpt = build_gpt(tiny_gpt(), 0);
  save_gpt(gpt, {tiny_gpt(), {}}, folder.path() / "gpt.pt", Precision::half);
  torch::jit::Module loaded = torch::jit::load((folder.path() / "gpt.pt").string());
  EXPECT_EQ(loaded.attr("token_embedding").toTensor().scalar_type(), at::kHalf);
  EXPECT_EQ(gpt.attr("token_embedding").toTensor().scalar_type(), at::kFloat);
  EXPECT_TRUE(at::allclose(loaded.attr("token_embedding").toTensor().to(at::kFloat),
                           gpt.attr("token_embedding").toTensor(), 1e-3, 1e-4));
}

}  // namespace
}  // namespace attnviz
