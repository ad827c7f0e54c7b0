#include "attnviz/gated_model.h"

#include <gtest/gtest.h>
#include <torch/script.h>
#include <torch/torch.h>

#include "attnviz/error.h"
#include "attnviz/train.h"
#include "test_models.h"

namespace attnviz {
namespace {

const TokenIds kIds = {3, 1, 4, 1, 5, 9, 2, 6, 5, 3};

class GatedModelTest : public ::testing::Test {
 protected:
  GatedModelTest() { save_gpt(gpt_, {tiny_gpt(), {}}, path_, Precision::single); }

  TemporaryFolder folder_;
  std::filesystem::path path_ = folder_.path() / "gpt.pt";
  torch::jit::Module gpt_ = build_gpt(tiny_gpt(), 5);
};

TEST_F(GatedModelTest, OpenGatesChangeNothing) {
  GatedModel model(path_);
  EXPECT_NEAR(model.run(kIds, model.open_gates()).loss, held_out_loss(gpt_, {kIds}, 16), 1e-6);
}

TEST_F(GatedModelTest, AClosedGateIsAHeadWhoseOutputColumnsAreZero) {
  GatedModel model(path_);
  HeadGates gates = model.open_gates();
  gates.gates[1][2] = 0;
  const double closed = model.run(kIds, gates).loss;
  const double open = model.run(kIds, model.open_gates()).loss;
  {
    torch::NoGradGuard no_grad;
    gpt_.attr("block_1").toModule().attr("w_o").toTensor().narrow(1, 2 * 4, 4).zero_();
  }
  EXPECT_NEAR(closed, held_out_loss(gpt_, {kIds}, 16), 1e-6);
  EXPECT_GT(std::abs(closed - open), 1e-4);
}

TEST_F(GatedModelTest, TheGradientIsThatOfFiniteDifferencesAndOfTheOutputWeights) {
  GatedModel model(path_);
  const auto gradient = model.loss_gradient(kIds);
  // <W_o, dL/dW_o> over a head's columns is the same derivative (Euler's theorem).
  gpt_.eval();
  const at::Tensor ids = torch::tensor(kIds).unsqueeze(0);
  torch::nn::functional::cross_entropy(gpt_.forward({ids}).toTensor()[0].narrow(0, 0, 9),
                                       ids[0].narrow(0, 1, 9))
      .backward();
  for (std::int64_t layer = 0; layer < 2; ++layer) {
    const at::Tensor w_o =
        gpt_.attr("block_" + std::to_string(layer)).toModule().attr("w_o").toTensor();
    for (std::int64_t head = 0; head < 4; ++head) {
      const double found = gradient[std::size_t(layer)][head].item<double>();
      const auto loss_at = [&](double gate) {
        HeadGates gates = model.open_gates();
        gates.gates[std::size_t(layer)][head] = gate;
        return model.run(kIds, gates).loss;
      };
      EXPECT_NEAR(found, (loss_at(1.05) - loss_at(0.95)) / 0.1, 2e-4);
      const at::Tensor product = w_o.detach() * w_o.grad();
      EXPECT_NEAR(found, product.narrow(1, 4 * head, 4).sum().item<double>(), 1e-5);
    }
  }
}

TEST_F(GatedModelTest, AShiftReplacesAHeadByAConstant) {
  GatedModel model(path_);
  const GatedRun run = model.run(kIds, model.open_gates());
  ASSERT_EQ(run.outputs.size(), 2U);
  EXPECT_EQ(run.outputs[0].sizes(), (std::vector<std::int64_t>{4, 10, 4}));
  HeadGates gates = model.open_gates();
  for (const at::Tensor& z : run.outputs) gates.shifts.push_back(torch::zeros({z.size(0), 4}));
  EXPECT_NEAR(model.run(kIds, gates).loss, run.loss, 1e-7);
  gates.gates[0][1] = 0;
  gates.shifts[0][1] = run.outputs[0][1].mean(0);
  const GatedRun replaced = model.run(kIds, gates);
  EXPECT_GT(std::abs(replaced.loss - run.loss), 1e-6);
  EXPECT_TRUE(at::equal(replaced.outputs[0], run.outputs[0]));  // z is seen before its gate
}

TEST_F(GatedModelTest, SharedLayersAreGatedOneByOne) {
  GptConfig config = tiny_gpt();
  config.shared_layers = true;
  save_gpt(build_gpt(config, 5), {config, {}}, path_, Precision::single);
  GatedModel model(path_);
  const auto without = [&](std::size_t layer) {
    HeadGates gates = model.open_gates();
    gates.gates[layer][0] = 0;
    return model.run(kIds, gates).loss;
  };
  EXPECT_NE(without(0), without(1));
}

TEST_F(GatedModelTest, RefusesWhatItCannotGate) {
  GatedModel model(path_);
  EXPECT_THROW((void)model.run({1}, model.open_gates()), TextError);
  EXPECT_THROW((void)model.run({1, 40}, model.open_gates()), ModelError);
  EXPECT_THROW((void)model.run(kIds, HeadGates{}), ShapeError);
  const auto module = module_with(R"(
def forward(self, ids):
    x = torch.embedding(self.table, ids)
    return torch.matmul(x, self.table.t())
)");
  EXPECT_THROW(GatedModel(saved(folder_, module)), ModelError);
}

}  // namespace
}  // namespace attnviz
