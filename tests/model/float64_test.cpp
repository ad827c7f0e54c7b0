#include <gtest/gtest.h>

#include "attnviz/error.h"
#include "attnviz/model.h"
#include "test_models.h"

namespace attnviz {
namespace {

const TokenIds kIds = {1, 2, 3, 1, 2, 3, 4, 5};

TEST(Float64, DiffersFromFloat32ByItsRounding) {
  const TemporaryFolder folder;
  const auto path = folder.path() / "m.pt";
  save_gpt(build_gpt(tiny_gpt(), 0), {tiny_gpt(), {}}, path, Precision::half);
  ModelOptions wide;
  wide.float64 = true;
  const auto single = Model(path).capture(kIds), twice = Model(path, wide).capture(kIds);
  for (std::size_t layer = 0; layer < single.size(); ++layer) {
    EXPECT_EQ(single[layer].scalar_type(), at::kFloat);
    EXPECT_EQ(twice[layer].scalar_type(), at::kDouble);
    const double largest = (twice[layer] - single[layer]).abs().max().item<double>();
    EXPECT_LT(largest, 1e-5);
    EXPECT_GT(largest, 0);
  }
}

TEST(Float64, IsRefusedByAModuleThatMixesItWithFloat32) {
  const TemporaryFolder folder;
  const auto path = saved(folder, module_with(R"(
def forward(self, ids):
    x = torch.matmul(self.table[ids % 10], torch.ones([8, 8], dtype=6))  # float32
    return torch.softmax(torch.matmul(x, x.transpose(1, 2)).unsqueeze(1), -1)
)"));
  EXPECT_NO_THROW((void)Model(path).capture(kIds));
  ModelOptions wide;
  wide.float64 = true;
  EXPECT_THROW((void)Model(path, wide).capture(kIds), ModelError);
}

TEST(ModelInfo, NamesTheWeightsTypesAndTheNormsEpsilons) {
  const TemporaryFolder folder;
  GptConfig config = tiny_gpt();
  config.norm_epsilon = 3e-6;
  const auto path = folder.path() / "m.pt";
  save_gpt(build_gpt(config, 0), {config, {}}, path, Precision::half);
  EXPECT_EQ(Model(path).info().weight_types, std::vector<std::string>{"float16"});
  EXPECT_EQ(Model(path).info().norm_epsilons, std::vector<double>{3e-6});
  save_gpt(build_gpt(config, 0), {config, {}}, path, Precision::single);
  EXPECT_EQ(Model(path).info().weight_types, std::vector<std::string>{"float32"});
  const auto constant = saved(folder, module_with(R"(
def forward(self, ids):
    x = torch.layer_norm(self.table[ids % 10], [8], None, None, 1e-12)
    return torch.softmax(torch.matmul(x, x.transpose(1, 2)).unsqueeze(1), -1)
)"));
  EXPECT_EQ(Model(constant).info().norm_epsilons, std::vector<double>{1e-12});
}

}  // namespace
}  // namespace attnviz
