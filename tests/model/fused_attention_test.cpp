#include <ATen/core/dispatch/Dispatcher.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "attnviz/model.h"
#include "model/missing_operators.h"
#include "test_models.h"

namespace attnviz {
namespace {

/// scaled_dot_product_attention came with LibTorch 2.0, and was given arguments until 2.5;
/// before 2.0 it is ours.
bool fused_attention_takes(const std::string& argument) {
  supply_missing_operators();
  const auto found =
      c10::Dispatcher::singleton().findSchema({"aten::scaled_dot_product_attention", ""});
  return found && found->schema().argumentIndexWithName(argument).has_value();
}

/// softmax over j of scale * q_i . k_j + bias_ij, one weight at a time.
/// q: [heads, T, D]. bias: [T, T].
/// k: [key heads, T, D]; each serves as many heads in a row.
at::Tensor pattern_by_hand(const at::Tensor& q, const at::Tensor& k, double scale,
                           const at::Tensor& bias) {
  const std::int64_t n_heads = q.size(0);
  const std::int64_t n_tokens = q.size(1);
  at::Tensor pattern = torch::empty({n_heads, n_tokens, n_tokens});
  for (std::int64_t head = 0; head < n_heads; ++head) {
    const at::Tensor keys = k[head * k.size(0) / n_heads];
    for (std::int64_t i = 0; i < n_tokens; ++i) {
      std::vector<double> weights;
      double sum = 0;
      for (std::int64_t j = 0; j < n_tokens; ++j) {
        double score = bias[i][j].item<double>();
        for (std::int64_t d = 0; d < q.size(2); ++d) {
          score += scale * q[head][i][d].item<double>() * keys[j][d].item<double>();
        }
        weights.push_back(std::exp(score));
        sum += weights.back();
      }
      for (std::int64_t j = 0; j < n_tokens; ++j) pattern[head][i][j] = weights[j] / sum;
    }
  }
  return pattern;
}

at::Tensor causal_bias() {
  return torch::full({3, 3}, -std::numeric_limits<double>::infinity()).triu(1);
}

const double kUsualScale = std::sqrt(0.5);  // 1 / sqrt(d_head)

/// Compares what is captured of a model of four heads of two that calls
/// scaled_dot_product_attention(q, k, v, `arguments`). Skips the test where this LibTorch's
/// operator has no argument `needed`.
void expect_opened(const std::string& needed, const std::string& arguments, double scale,
                   const at::Tensor& bias, std::int64_t n_key_heads = 4) {
  if (!fused_attention_takes(needed)) GTEST_SKIP() << "not in LibTorch " << libtorch_version();
  const TemporaryFolder folder;
  std::string forward = R"(
def forward(self, ids):
    q = torch.embedding(self.table, ids).view([1, ids.size(1), 4, 2]).transpose(1, 2)
)";
  forward += "    k = q[:, :" + std::to_string(n_key_heads) + "]\n";
  forward += "    return torch.scaled_dot_product_attention(q, k, k + 1.0, " + arguments + ")\n";
  Model model(saved(folder, module_with(forward)));
  const at::Tensor pattern = model.capture({1, 2, 3}).at(0);

  const auto module = torch::jit::load(model.path().string());
  const at::Tensor table = module.attr("table").toTensor();
  const at::Tensor q = table.slice(0, 1, 4).view({3, 4, 2}).transpose(0, 1);
  const at::Tensor k = q.slice(0, 0, n_key_heads);
  EXPECT_TRUE(at::allclose(pattern, pattern_by_hand(q, k, scale, bias), 1e-5, 1e-6)) << pattern;
  // And it is what the fused operator mixes its values by.
  const at::Tensor fused = module.get_method("forward")({torch::tensor({{1, 2, 3}})}).toTensor();
  const at::Tensor v = (k + 1.0).repeat_interleave(4 / n_key_heads, 0);
  EXPECT_TRUE(at::allclose(at::matmul(pattern, v).unsqueeze(0), fused, 1e-5, 1e-6)) << fused;
}

TEST(FusedAttention, IsOpenedWhereItIsCausal) {
  expect_opened("is_causal", "None, 0.0, True", kUsualScale, causal_bias());
}

TEST(FusedAttention, KeepsWhatABooleanMaskSaysIsTrue) {
  at::Tensor bias = causal_bias();
  bias[2][1] = -std::numeric_limits<double>::infinity();
  expect_opened("attn_mask",
                "torch.tensor([[True, False, False], [True, True, False], [True, False, True]])",
                kUsualScale, bias);
}

TEST(FusedAttention, AddsAFloatMask) {
  expect_opened(
      "attn_mask", "torch.tensor([[0.0, -9.0, 1.0], [-0.5, 0.0, 2.0], [-1.0, -0.5, 0.0]])",
      kUsualScale, torch::tensor({{0.0, -9.0, 1.0}, {-0.5, 0.0, 2.0}, {-1.0, -0.5, 0.0}}));
}

TEST(FusedAttention, TakesAScale) {
  expect_opened("scale", "None, 0.0, True, scale=0.25", 0.25, causal_bias());
}

TEST(FusedAttention, SharesKeysAmongGroupedQueries) {
  expect_opened("enable_gqa", "None, 0.0, True, enable_gqa=True", kUsualScale, causal_bias(), 2);
}

}  // namespace
}  // namespace attnviz
