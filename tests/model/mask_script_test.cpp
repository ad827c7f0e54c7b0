#include <gtest/gtest.h>
#include <torch/script.h>

#include "attnviz/error.h"
#include "attnviz/gated_model.h"
#include "attnviz/surgery.h"
#include "test_models.h"

namespace attnviz {
namespace {

// A module that attnviz did not make: two layers in a loop, one of them with dropout.
constexpr char kForeign[] = R"(
def forward(self, ids, scale: float = 1.0):
    x = torch.embedding(self.table, ids) + self.wpe[:ids.size(1)]
    for layer in range(2):
        h = x.view(ids.size(0), ids.size(1), 2, 4).transpose(1, 2)
        scores = torch.matmul(h, h.transpose(2, 3)) * scale
        position = torch.arange(ids.size(1), device=ids.device)
        future = position.unsqueeze(0) > position.unsqueeze(1)
        p = torch.softmax(scores.masked_fill(future, -10000.0), 3)
        p = torch.dropout(p, 0.1, self.training)
        x = x + torch.matmul(p, h).transpose(1, 2).reshape(ids.size(0), ids.size(1), 8)
    return torch.matmul(x, self.table.t())

def generate(self, ids):
    return self.forward(ids).argmax(2)
)";

class MaskScript : public ::testing::Test {
 protected:
  MaskScript() {
    torch::manual_seed(4);
    model_ = saved(folder_, module_with(kForeign));
  }

  [[nodiscard]] at::Tensor run(const std::filesystem::path& path) const {
    torch::jit::Module module = torch::jit::load(path.string());
    module.eval();
    return module.forward({torch::tensor({{1, 2, 3, 1}})}).toTensor();
  }
  [[nodiscard]] double loss_with(const std::filesystem::path& path, bool silent,
                                 const std::vector<at::Tensor>& means = {}) const {
    GatedModel gated(path);
    HeadGates gates = gated.open_gates();
    if (silent) gates.gates[1][0] = 0;
    if (silent && !means.empty()) {
      gates.shifts = {torch::zeros({2, 4}), torch::zeros({2, 4})};
      gates.shifts[1][0] = means[1][0];
    }
    return gated.run({1, 2, 3, 1}, gates).loss;
  }

  TemporaryFolder folder_;
  std::filesystem::path model_, out_ = folder_.path() / "masked.pt";
};

TEST_F(MaskScript, SilencesOneHeadOfOneLayerOfAForeignModule) {
  const auto others = mask_script(model_, {{1, 0}}, {}, out_);
  EXPECT_EQ(others, (std::vector<std::string>{"generate"}));
  EXPECT_NEAR(loss_with(out_, false), loss_with(model_, true), 1e-6);
  EXPECT_GT(std::abs(loss_with(out_, false) - loss_with(model_, false)), 1e-3);
  EXPECT_EQ(Model(out_).capture({1, 2}).size(), 2U);
}

TEST_F(MaskScript, PutsTheMeanInAHeadsPlace) {
  const std::vector<at::Tensor> means = {torch::zeros({2, 4}), torch::ones({2, 4})};
  mask_script(model_, {{1, 0}}, means, out_);
  EXPECT_NEAR(loss_with(out_, false), loss_with(model_, true, means), 1e-6);
  EXPECT_GT(std::abs(loss_with(out_, false) - loss_with(model_, true)), 1e-3);
}

TEST_F(MaskScript, MaskingTwiceMasksBoth) {
  mask_script(model_, {{1, 0}}, {}, out_);
  const auto twice = folder_.path() / "twice.pt";
  mask_script(out_, {{0, 1}}, {}, twice);
  GatedModel gated(model_);
  HeadGates gates = gated.open_gates();
  gates.gates[1][0] = gates.gates[0][1] = 0;
  EXPECT_NEAR(loss_with(twice, false), gated.run({1, 2, 3, 1}, gates).loss, 1e-6);
}

TEST_F(MaskScript, KeepsAHalfModelHalf) {
  torch::jit::Module module = torch::jit::load(model_.string());
  module.to(torch::kHalf);
  module.save(model_.string());
  mask_script(model_, {{1, 0}}, {torch::zeros({2, 4}), torch::ones({2, 4})}, out_);
  const torch::jit::Module masked = torch::jit::load(out_.string());
  EXPECT_EQ(masked.attr("table").toTensor().scalar_type(), torch::kHalf);
  EXPECT_NEAR(loss_with(out_, false),
              loss_with(model_, true, {torch::zeros({2, 4}), torch::ones({2, 4})}), 1e-5);
}

TEST_F(MaskScript, RefusesHeadsThatDoNotExistAndLeavesNoFile) {
  EXPECT_THROW(mask_script(model_, {{1, 2}}, {}, out_), UsageError);
  EXPECT_THROW(mask_script(folder_.path() / "none.pt", {{1, 0}}, {}, out_), FileError);
  EXPECT_FALSE(std::filesystem::exists(out_));
}

}  // namespace
}  // namespace attnviz
