#include "attnviz/surgery.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include "attnviz/error.h"
#include "attnviz/gated_model.h"
#include "attnviz/import.h"
#include "model/head_weights.h"
#include "test_models.h"

namespace attnviz {
namespace {

const TokenIds kIds = {3, 1, 4, 1, 5, 9, 2, 6, 5, 3};

/// A tiny GPT whose biases are not zero, as after training.
Gpt trained_gpt(const GptConfig& config = tiny_gpt(), std::uint64_t seed = 5) {
  Gpt gpt{std::make_shared<torch::jit::Module>(build_gpt(config, seed)), {config, {}}};
  torch::NoGradGuard no_grad;
  at::Generator random = at::detail::createCPUGenerator(seed);
  for (const auto& parameter : gpt.module->named_parameters()) {
    if (parameter.value.dim() == 1)
      parameter.value.add_(at::randn({parameter.value.size(0)}, random) * 0.3);
  }
  gpt.module->eval();
  return gpt;
}

GptConfig with_all_biases() {
  GptConfig config = tiny_gpt();
  config.qkv_bias = true;
  return config;
}

at::Tensor logits(const Gpt& gpt, const TokenIds& ids = kIds) {
  torch::NoGradGuard no_grad;
  gpt.module->eval();
  return gpt.module->forward({torch::tensor(ids).unsqueeze(0)}).toTensor();
}

std::vector<at::Tensor> patterns(const Gpt& gpt) {
  torch::NoGradGuard no_grad;
  gpt.module->eval();
  return gpt.module->get_method("forward_with_attention")({torch::tensor(kIds).unsqueeze(0)})
      .toTuple()
      ->elements()[1]
      .toTensorVector();
}

double difference(const at::Tensor& a, const at::Tensor& b) {
  return (a - b).abs().max().item<double>();
}

/// The logits with heads gated shut in the graph, which knows nothing of the weights' layout.
double gated_loss(const std::filesystem::path& path, const std::vector<HeadId>& silent) {
  GatedModel model(path);
  HeadGates gates = model.open_gates();
  for (const HeadId head : silent) gates.gates[std::size_t(head.layer)][head.head] = 0;
  return model.run(kIds, gates).loss;
}

double loss(const Gpt& gpt) {
  const at::Tensor ids = torch::tensor(kIds);
  return torch::nn::functional::cross_entropy(logits(gpt)[0].narrow(0, 0, 9), ids.narrow(0, 1, 9))
      .item<double>();
}

TEST(HeadId, IsReadAsItIsWritten) {
  EXPECT_EQ(head_named("L12H0"), (HeadId{12, 0}));
  for (const char* wrong :
       {"", "L", "L1", "L1H", "H1L0", "L1H2 ", "l1h2", "L-1H2", "L1H-2", "L1H2x"}) {
    EXPECT_THROW((void)head_named(wrong), UsageError) << wrong;
  }
}

TEST(HeadId, HeadsThatDoNotExistAreNamedWithThoseThatDo) {
  const KeptHeads kept = {{0, 2}, {}};
  const auto message = [&](const std::vector<HeadId>& heads) -> std::string {
    try {
      require_heads({2, 0}, kept, heads);
    } catch (const UsageError& error) {
      return error.what();
    }
    return "";
  };
  EXPECT_EQ(message({{0, 2}, {0, 0}}), "");
  EXPECT_EQ(message({{0, 1}}), "there is no head L0H1: layer 0 has H0, H2");
  EXPECT_EQ(message({{1, 0}}), "there is no head L1H0: layer 1 has no heads left");
  EXPECT_EQ(message({{2, 0}}), "there is no head L2H0: layers count from 0 to 1");
  EXPECT_EQ(message({{0, 0}, {0, 0}}), "L0H0 is named twice");
  EXPECT_EQ(message({}), "no head is named");
}

TEST(Prune, GivesTheLogitsOfTheMaskedModel) {
  for (const GptConfig& config : {tiny_gpt(), with_all_biases()}) {
    const Gpt gpt = trained_gpt(config);
    for (const std::vector<HeadId>& heads :
         {std::vector<HeadId>{{0, 3}}, {{0, 0}, {1, 2}}, {{1, 0}, {1, 1}, {1, 2}, {1, 3}}}) {
      const at::Tensor expected = logits(mask_heads(gpt, heads));
      EXPECT_LE(difference(logits(prune_heads(gpt, heads)), expected), 1e-5);
      EXPECT_GT(difference(logits(gpt), expected), 1e-3) << "these heads do nothing";
    }
  }
}

TEST(Prune, IsWhatTheGatesOfTheGraphSay) {
  const TemporaryFolder folder;
  const Gpt gpt = trained_gpt(with_all_biases());
  save_gpt(gpt, folder.path() / "gpt.pt");
  const std::vector<HeadId> heads = {{0, 1}, {1, 3}};
  EXPECT_NEAR(loss(prune_heads(gpt, heads)), gated_loss(folder.path() / "gpt.pt", heads), 1e-6);
}

// What prune_heads must not do differs from the masked model by far more than 1e-5.
TEST(Prune, OfTheWrongHeadOrAxisOrWithoutTheBiasIsSeen) {
  const Gpt gpt = trained_gpt(with_all_biases());
  const std::vector<HeadId> heads = {{0, 1}};
  const at::Tensor expected = logits(mask_heads(gpt, heads));
  EXPECT_GT(difference(logits(prune_heads(gpt, {{0, 2}})), expected), 1e-3);
  EXPECT_GT(difference(logits(prune_heads(gpt, {{1, 1}})), expected), 1e-3);
  // Columns of w_v for rows, and the value bias left to flow.
  const auto zeroed = [&](bool rows, bool with_bias) {
    Gpt wrong = gpt;
    wrong.module = std::make_shared<torch::jit::Module>(gpt.module->deepcopy());
    torch::NoGradGuard no_grad;
    weight(*wrong.module, "block_0.w_v").narrow(rows ? 0 : 1, 4, 4).zero_();
    if (with_bias) weight(*wrong.module, "block_0.b_v").narrow(0, 4, 4).zero_();
    return logits(wrong);
  };
  EXPECT_LE(difference(zeroed(true, true), expected), 1e-5) << "rows and bias are a head's values";
  EXPECT_GT(difference(zeroed(false, true), expected), 1e-3);
  EXPECT_GT(difference(zeroed(true, false), expected), 1e-3);
}

TEST(Prune, KeepsTheNamesOfTheOthersAlsoTheSecondTime) {
  const Gpt gpt = trained_gpt();
  const Gpt once = prune_heads(gpt, {{0, 1}});
  EXPECT_EQ(once.record.config.kept, (KeptHeads{{0, 2, 3}, {0, 1, 2, 3}}));
  EXPECT_THROW((void)prune_heads(once, {{0, 1}}), UsageError);
  const Gpt twice = prune_heads(once, {{0, 3}});
  EXPECT_EQ(twice.record.config.kept, (KeptHeads{{0, 2}, {0, 1, 2, 3}}));
  EXPECT_EQ(twice.record.pruned, (std::vector<HeadId>{{0, 1}, {0, 3}}));
  EXPECT_LE(difference(logits(twice), logits(mask_heads(gpt, {{0, 1}, {0, 3}}))), 1e-5);
  EXPECT_LE(difference(patterns(twice)[0][0][1], patterns(gpt)[0][0][2]), 1e-6);
}

TEST(Prune, OfAWholeLayerLeavesItsBiasAndAModelThatLoads) {
  const TemporaryFolder folder;
  const Gpt gpt = trained_gpt();
  const std::vector<HeadId> heads = {{0, 0}, {0, 1}, {0, 2}, {0, 3}};
  const Gpt pruned = prune_heads(gpt, heads);
  EXPECT_LE(difference(logits(pruned), logits(mask_heads(gpt, heads))), 1e-5);
  EXPECT_EQ(patterns(pruned)[0].sizes(), (std::vector<std::int64_t>{1, 0, 10, 10}));
  const auto path = folder.path() / "pruned.pt";
  save_gpt(pruned, path);
  Model model(path);
  const auto captured = model.capture(kIds);
  ASSERT_EQ(captured.size(), 2U);
  EXPECT_EQ(captured[0].size(0), 0);
  EXPECT_LE(difference(captured[1], patterns(pruned)[1][0]), 1e-6);
  EXPECT_EQ(model.kept_heads(), (KeptHeads{{}, {0, 1, 2, 3}}));
  EXPECT_EQ(load_gpt(path).record.config, pruned.record.config);
  GatedModel gated(path);
  EXPECT_NEAR(gated.run(kIds, gated.open_gates()).loss, loss(pruned), 1e-6);
}

TEST(Prune, MakesTheFileSmallerAndKeepsItsPrecision) {
  const TemporaryFolder folder;
  GptConfig config = trainable_gpt(2, 4, 64);
  config.vocabulary_size = 40;
  Gpt gpt{std::make_shared<torch::jit::Module>(build_gpt(config, 0)), {config, {}}};
  gpt.precision = Precision::half;
  save_gpt(gpt, folder.path() / "whole.pt");
  const Gpt loaded = load_gpt(folder.path() / "whole.pt");
  EXPECT_EQ(loaded.precision, Precision::half);
  save_gpt(prune_heads(loaded, {{0, 0}, {0, 1}}), folder.path() / "small.pt");
  // Two heads of 16 by 64 in four matrices, two bytes each.
  EXPECT_NEAR(double(std::filesystem::file_size(folder.path() / "whole.pt")) -
                  double(std::filesystem::file_size(folder.path() / "small.pt")),
              4 * 2 * 16 * 64 * 2, 1000);
  EXPECT_EQ(load_gpt(folder.path() / "small.pt").precision, Precision::half);
}

TEST(FoldMeans, ThenPruningIsAblationByTheMean) {
  const TemporaryFolder folder;
  for (const bool output_bias : {true, false}) {
    GptConfig config = with_all_biases();
    config.output_bias = output_bias;
    const Gpt gpt = trained_gpt(config);
    save_gpt(gpt, folder.path() / "gpt.pt");
    GatedModel gated(folder.path() / "gpt.pt");
    HeadGates gates = gated.open_gates();
    std::vector<at::Tensor> means;
    for (const at::Tensor& z : gated.run(kIds, gates).outputs) means.push_back(z.mean(1));
    for (const at::Tensor& mean : means) gates.shifts.push_back(at::zeros_like(mean));
    for (const HeadId head : {HeadId{0, 2}, HeadId{1, 0}}) {
      gates.gates[std::size_t(head.layer)][head.head] = 0;
      gates.shifts[std::size_t(head.layer)][head.head] = means[std::size_t(head.layer)][head.head];
    }
    const std::vector<HeadId> heads = {{0, 2}, {1, 0}};
    const Gpt folded = prune_heads(fold_means(gpt, heads, means), heads);
    EXPECT_NEAR(loss(folded), gated.run(kIds, gates).loss, 1e-6);
    EXPECT_GT(std::abs(loss(folded) - loss(prune_heads(gpt, heads))), 1e-5);
  }
}

// Columns of w_q are inputs that all heads share; rows are a head's own.
TEST(Reset, LeavesThePatternsOfTheOtherHeadsBitForBit) {
  const Gpt gpt = trained_gpt(with_all_biases());
  const auto before = patterns(gpt),
             after = patterns(reset_heads(gpt, {{0, 2}}, HeadInit::xavier, 1));
  for (std::int64_t head = 0; head < 4; ++head) {
    EXPECT_EQ(at::equal(before[0][0][head], after[0][0][head]), head != 2) << head;
  }
  Gpt wrong = gpt;
  wrong.module = std::make_shared<torch::jit::Module>(gpt.module->deepcopy());
  torch::NoGradGuard no_grad;
  weight(*wrong.module, "block_0.w_q").narrow(1, 8, 4).normal_(0, 0.02);
  for (std::int64_t head = 0; head < 4; ++head) {
    EXPECT_FALSE(at::equal(before[0][0][head], patterns(wrong)[0][0][head])) << head;
  }
}

TEST(Reset, EqualsTheMaskedModelAndLearnsFromTheFirstStep) {
  const Gpt gpt = trained_gpt(with_all_biases());
  for (const HeadInit init : {HeadInit::xavier, HeadInit::normal}) {
    const Gpt reset = reset_heads(gpt, {{0, 2}, {1, 1}}, init, 1);
    EXPECT_EQ(difference(logits(reset), logits(mask_heads(gpt, {{0, 2}, {1, 1}}))), 0);
    for (const char* bias : {"b_q", "b_k", "b_v"}) {
      const at::Tensor values = weight(*reset.module, std::string("block_0.") + bias);
      EXPECT_EQ(of_head(values, bias, 2, 4).abs().max().item<double>(), 0);
      EXPECT_GT(of_head(values, bias, 1, 4).abs().max().item<double>(), 0);
    }
    const auto gradient = [&](const std::string& name) {
      const at::Tensor values = weight(*reset.module, "block_0." + name);
      return of_head(values.grad(), name, 2, 4).abs().max().item<double>();
    };
    const auto backward = [&] {
      const at::Tensor ids = torch::tensor(kIds);
      torch::nn::functional::cross_entropy(
          reset.module->forward({ids.unsqueeze(0)}).toTensor()[0].narrow(0, 0, 9),
          ids.narrow(0, 1, 9))
          .backward();
    };
    backward();
    EXPECT_GT(gradient("w_o"), 1e-6);
    EXPECT_EQ(gradient("w_v"), 0);
    {
      torch::NoGradGuard no_grad;
      at::Tensor w_o = weight(*reset.module, "block_0.w_o");
      w_o -= 0.1 * w_o.grad();
    }
    backward();
    EXPECT_GT(gradient("w_q"), 0);
    EXPECT_GT(gradient("w_v"), 0);
  }
}

TEST(Reset, DrawsFromTheSeedAndInTheSizeThatWasAskedFor) {
  GptConfig config = trainable_gpt(1, 2, 64);
  config.vocabulary_size = 40;
  const Gpt gpt = trained_gpt(config);
  const auto queries = [&](HeadInit init, std::uint64_t seed) {
    return of_head(weight(*reset_heads(gpt, {{0, 1}}, init, seed).module, "block_0.w_q"), "w_q", 1,
                   32)
        .detach();
  };
  EXPECT_TRUE(at::equal(queries(HeadInit::normal, 1), queries(HeadInit::normal, 1)));
  EXPECT_FALSE(at::equal(queries(HeadInit::normal, 1), queries(HeadInit::normal, 2)));
  EXPECT_NEAR(queries(HeadInit::normal, 1).std().item<double>(), 0.02, 0.002);
  const double bound = std::sqrt(6.0 / 128);
  EXPECT_LE(queries(HeadInit::xavier, 1).abs().max().item<double>(), bound);
  EXPECT_NEAR(queries(HeadInit::xavier, 1).std().item<double>(), bound / std::sqrt(3.0), 0.01);
}

TEST(Record, HeadsAreOnTheListTheyCameToLast) {
  const TemporaryFolder folder;
  const Gpt masked = mask_heads(trained_gpt(), {{0, 1}, {0, 2}, {1, 0}});
  const Gpt reset = reset_heads(masked, {{0, 2}}, HeadInit::normal, 0);
  save_gpt(prune_heads(reset, {{1, 0}}), folder.path() / "gpt.pt");
  const GptRecord record = *read_gpt_record(folder.path() / "gpt.pt");
  EXPECT_EQ(record.masked, (std::vector<HeadId>{{0, 1}}));
  EXPECT_EQ(record.reset, (std::vector<HeadId>{{0, 2}}));
  EXPECT_EQ(record.pruned, (std::vector<HeadId>{{1, 0}}));
}

GptConfig shared_gpt() {
  GptConfig config = tiny_gpt();
  config.shared_layers = true;
  return config;
}

TEST(SharedLayers, AHeadGoesInAllOfThemOrNotAtAll) {
  const Gpt gpt = trained_gpt(shared_gpt());
  EXPECT_THROW((void)prune_heads(gpt, {{0, 1}}), UsageError);
  EXPECT_THROW((void)reset_heads(gpt, {{0, 1}}, HeadInit::normal, 0), UsageError);
  const std::vector<HeadId> both = with_twins(gpt.record.config, {{1, 1}});
  EXPECT_EQ(both, (std::vector<HeadId>{{0, 1}, {1, 1}}));
  EXPECT_LE(difference(logits(prune_heads(gpt, both)), logits(mask_heads(gpt, both))), 1e-5);
  EXPECT_THROW((void)fold_means(gpt, both, {}), UsageError);
}

TEST(SharedLayers, UntiedTheyComputeTheSameAndAHeadGoesAlone) {
  const TemporaryFolder folder;
  const Gpt gpt = trained_gpt(shared_gpt());
  save_gpt(gpt, folder.path() / "gpt.pt");
  const Gpt untied = untie_layers(gpt);
  EXPECT_TRUE(at::equal(logits(untied), logits(gpt)));
  EXPECT_EQ(untied.record.config.n_blocks(), 2);
  EXPECT_NEAR(loss(prune_heads(untied, {{1, 1}})), gated_loss(folder.path() / "gpt.pt", {{1, 1}}),
              1e-6);
}

TEST(Layout, OfOurOwnModelsHolds) {
  for (const GptConfig& config : {tiny_gpt(), with_all_biases(), shared_gpt()}) {
    const Gpt gpt = trained_gpt(config);
    const at::Tensor before = logits(gpt);
    EXPECT_NO_THROW(check_layout(gpt));
    EXPECT_TRUE(at::equal(logits(gpt), before)) << "the probe leaves the model as it was";
  }
  EXPECT_NO_THROW(check_layout(prune_heads(trained_gpt(), {{0, 0}, {0, 1}, {0, 2}, {0, 3}})));
}

TEST(Layout, OfHeadsElsewhereThanTheRecordSaysIsRefused) {
  Gpt gpt = trained_gpt();
  gpt.record.config.n_heads = {2, 2};
  gpt.record.config.d_head = 8;
  EXPECT_THROW(check_layout(gpt), ModelError);
}

// The checkpoints of every layout that can be imported.
class SurgeryOfLayouts : public ::testing::TestWithParam<const char*> {};

TEST_P(SurgeryOfLayouts, PrunedIsMaskedIsGated) {
  const TemporaryFolder folder;
  ImportOptions options;
  if (std::string(GetParam()).starts_with("mingpt")) options.n_heads = 2;
  const ImportedGpt imported =
      import_gpt(std::filesystem::path(ATTNVIZ_TEST_DATA) / "checkpoints" / GetParam(), options);
  const Gpt gpt{imported.gpt, imported.record};
  EXPECT_NO_THROW(check_layout(gpt));
  save_gpt(gpt, folder.path() / "gpt.pt");
  const auto last = int(imported.record.config.n_layers()) - 1;
  const std::vector<HeadId> heads = with_twins(imported.record.config, {{0, 1}, {last, 0}});
  const Gpt pruned = prune_heads(gpt, heads), masked = mask_heads(gpt, heads);
  EXPECT_LE(difference(logits(pruned), logits(masked)), 1e-5);
  EXPECT_NEAR(loss(pruned), gated_loss(folder.path() / "gpt.pt", heads), 1e-5);
  EXPECT_GT(difference(logits(gpt), logits(masked)), 1e-4);
  EXPECT_GT(difference(logits(prune_heads(gpt, with_twins(imported.record.config, {{0, 0}}))),
                       logits(mask_heads(gpt, with_twins(imported.record.config, {{0, 1}})))),
            1e-4);
}

INSTANTIATE_TEST_SUITE_P(All, SurgeryOfLayouts,
                         ::testing::Values("gpt_transformer/model.pt", "nanogpt/ckpt.pt",
                                           "mingpt/model.pt", "gpt2"));

}  // namespace
}  // namespace attnviz
