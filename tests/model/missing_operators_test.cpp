// Operators that this LibTorch may lack, as they are documented; judged by closed forms.
#include <ATen/core/dispatch/Dispatcher.h>
#include <gtest/gtest.h>

#include "attnviz/error.h"
#include "attnviz/gated_model.h"
#include "attnviz/model.h"
#include "model/missing_operators.h"
#include "test_models.h"

namespace attnviz {
namespace {

template <typename... Arguments>
at::Tensor call(const std::string& name, Arguments&&... arguments) {
  supply_missing_operators();
  const auto handle = c10::Dispatcher::singleton().findSchemaOrThrow(name.c_str(), "");
  torch::jit::Stack stack;
  torch::jit::push(stack, std::forward<Arguments>(arguments)...);
  for (std::size_t i = stack.size(); i < handle.schema().arguments().size(); ++i) {
    stack.push_back(handle.schema().arguments()[i].default_value().value());
  }
  handle.callBoxed(&stack);
  return stack.at(0).toTensor();
}

TEST(MissingOperators, AreSuppliedOnce) {
  supply_missing_operators();
  supply_missing_operators();
  for (const char* name : {"aten::scaled_dot_product_attention", "aten::rms_norm",
                           "aten::_grouped_mm", "aten::_scaled_dot_product_attention"}) {
    EXPECT_TRUE(c10::Dispatcher::singleton().findSchema({name, ""})) << name;
  }
}

TEST(MissingOperators, RmsNormDividesByTheRootOfTheMeanSquare) {
  const at::Tensor x = torch::tensor({{3.0F, -4.0F}, {1.0F, 1.0F}});
  const at::Tensor weight = torch::tensor({2.0F, 10.0F});
  const at::Tensor y = call("aten::rms_norm", x, std::vector<std::int64_t>{2}, weight, 0.5);
  // sqrt((9 + 16) / 2 + 0.5), sqrt(1 + 0.5)
  const double a = std::sqrt(13.0), b = std::sqrt(1.5);
  EXPECT_TRUE(at::allclose(y.to(at::kDouble),
                           torch::tensor({{6 / a, -40 / a}, {2 / b, 10 / b}}, at::kDouble)))
      << y;
}

TEST(MissingOperators, RmsNormWithoutEpsilonTakesTheTypesOwn) {
  const at::Tensor zero = torch::full({1, 2}, 1e-4F);
  const at::Tensor y = call("aten::rms_norm", zero, std::vector<std::int64_t>{2});
  EXPECT_NEAR(y[0][0].item<double>(), 1e-4 / std::sqrt(1e-8 + std::ldexp(1.0, -23)), 1e-6);
  const at::Tensor wide =
      call("aten::rms_norm", zero.to(at::kDouble), std::vector<std::int64_t>{2});
  EXPECT_NEAR(wide[0][0].item<double>(), 1, 1e-7);
}

TEST(MissingOperators, GroupedProductMultipliesRowsByTheirOwnMatrix) {
  const at::Tensor rows = torch::tensor({{1.0F, 0.0F}, {0.0F, 1.0F}, {1.0F, 1.0F}});
  const at::Tensor matrices = torch::stack({torch::eye(2), torch::eye(2) * 2, torch::eye(2) * 3});
  const at::Tensor ends = torch::tensor({1, 1, 3}, torch::kInt);  // the second group is empty
  const at::Tensor y = call("aten::_grouped_mm", rows, matrices, ends);
  EXPECT_TRUE(at::equal(y, torch::tensor({{1.0F, 0.0F}, {0.0F, 3.0F}, {3.0F, 3.0F}}))) << y;
}

TEST(MissingOperators, AttentionOfRectanglesIsCausalFromTheFirstKey) {
  // With equal scores a row is the mean of the values that it sees.
  const at::Tensor q = torch::zeros({1, 1, 2, 2}), k = torch::zeros({1, 1, 3, 2});
  const at::Tensor v = torch::tensor({1.0F, 3.0F, 8.0F}).view({1, 1, 3, 1});
  const at::Tensor causal =
      call("aten::scaled_dot_product_attention", q, k, v, c10::optional<at::Tensor>(), 0.0, true);
  EXPECT_TRUE(at::allclose(causal.flatten(), torch::tensor({1.0F, 2.0F}))) << causal;
  const at::Tensor mask = torch::tensor({{false, true, true}, {true, true, true}});
  const at::Tensor masked =
      call("aten::scaled_dot_product_attention", q, k, v, c10::optional<at::Tensor>(mask));
  EXPECT_TRUE(at::allclose(masked.flatten(), torch::tensor({5.5F, 4.0F}))) << masked;
}

TEST(MissingOperators, CanBeTrainedThrough) {
  supply_missing_operators();
  const TemporaryFolder folder;
  GatedModel model(saved(folder, module_with(R"(
def forward(self, ids):
    x = torch.rms_norm(torch.embedding(self.table, ids), [8])
    q = x.view([1, ids.size(1), 4, 2]).transpose(1, 2)
    y = torch.scaled_dot_product_attention(q, q, q, None, 0.0, True).transpose(1, 2)
    return torch.matmul(y.reshape([1, ids.size(1), 8]), self.table.t())
)")));
  const auto gradients = model.loss_gradient({1, 2, 3, 4});
  ASSERT_EQ(gradients.size(), 1U);
  EXPECT_GT(gradients[0].abs().max().item<double>(), 0);
  // By finite differences.
  HeadGates more = model.open_gates(), less = model.open_gates();
  more.gates[0][2] += 1e-2;
  less.gates[0][2] -= 1e-2;
  const double slope =
      (model.run({1, 2, 3, 4}, more).loss - model.run({1, 2, 3, 4}, less).loss) / 2e-2;
  EXPECT_NEAR(gradients[0][2].item<double>(), slope, 1e-3);
}

}  // namespace
}  // namespace attnviz
