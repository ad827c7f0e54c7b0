#include <gtest/gtest.h>
#include <torch/torch.h>

#include <fstream>
#include <string>

#include "attnviz/error.h"
#include "attnviz/model.h"
#include "test_models.h"

namespace attnviz {
namespace {

/// Nine matrices of 256 KiB or more, four of them of one size.
GptConfig wide_gpt() {
  GptConfig config = trainable_gpt(1, 4, 256);
  config.vocabulary_size = 500;
  config.n_positions = 300;
  return config;
}

std::size_t n_mappings_of(const std::filesystem::path& file) {
  std::ifstream maps("/proc/self/maps");
  std::size_t n = 0;
  for (std::string line; std::getline(maps, line);) {
    n += line.ends_with(file.string());
  }
  return n;
}

TEST(MappedModel, GivesTheNumbersOfACopiedOneToTheBit) {
  const TemporaryFolder folder;
  const auto path = saved(folder, build_gpt(wide_gpt(), 0));
  Model mapped(path, {.mapped = true});
  Model copied(path);
  const TokenIds ids = {1, 2, 3, 399, 0, 1, 2};
  EXPECT_TRUE(at::equal(mapped.capture(ids)[0], copied.capture(ids)[0]));
  EXPECT_TRUE(at::equal(mapped.logits(ids), copied.logits(ids)));
}

TEST(MappedModel, LeavesEveryLargeWeightInTheFile) {
  const TemporaryFolder folder;
  const auto path = std::filesystem::canonical(saved(folder, build_gpt(wide_gpt(), 0)));
  std::size_t n_large = 0;
  const torch::jit::Module module = torch::jit::load(path.string());
  for (const at::Tensor& parameter : module.parameters()) {
    n_large += parameter.nbytes() >= std::size_t{1} << 18;
  }
  ASSERT_GE(n_large, 7U);
  {
    const Model mapped(path, {.mapped = true});
    EXPECT_GE(n_mappings_of(path), n_large);
  }
  EXPECT_EQ(n_mappings_of(path), 0U);
}

TEST(MappedModel, HalfPrecisionBecomesFloat32AsElsewhere) {
  const TemporaryFolder folder;
  torch::jit::Module module = build_gpt(wide_gpt(), 0);
  module.to(torch::kHalf);
  const auto path = saved(folder, module);
  const TokenIds ids = {4, 5, 6};
  EXPECT_TRUE(
      at::equal(Model(path, {.mapped = true}).capture(ids)[0], Model(path).capture(ids)[0]));
}

TEST(MappedModel, TellsThatItsFileWasWrittenTo) {
  const TemporaryFolder folder;
  const auto path = saved(folder, build_gpt(wide_gpt(), 0));
  Model model(path, {.mapped = true});
  (void)model.capture({1, 2, 3});
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(-1, std::ios::end);
  file.put('\xFF');
  file.close();
  // The clock that files are dated by ticks a few hundred times a second.
  std::filesystem::last_write_time(
      path, std::filesystem::last_write_time(path) + std::chrono::seconds(1));
  try {
    (void)model.capture({1, 2, 3});
    ADD_FAILURE() << "nothing was thrown";
  } catch (const ModelError& error) {
    EXPECT_NE(std::string(error.what()).find("written to while"), std::string::npos);
  }
}

TEST(MappedModel, AFileThatReplacesItChangesNothing) {
  const TemporaryFolder folder;
  const auto path = saved(folder, build_gpt(wide_gpt(), 0));
  Model model(path, {.mapped = true});
  const at::Tensor before = model.capture({1, 2, 3})[0].clone();
  const TemporaryFolder elsewhere;
  std::filesystem::rename(saved(elsewhere, build_gpt(wide_gpt(), 1)), path);
  EXPECT_TRUE(at::equal(model.capture({1, 2, 3})[0], before));
}

}  // namespace
}  // namespace attnviz
