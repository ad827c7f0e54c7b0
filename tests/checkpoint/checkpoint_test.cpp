#include "attnviz/checkpoint.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cstring>
#include <limits>
#include <set>

#include "attnviz/error.h"
#include "test_models.h"

namespace attnviz {
namespace {

namespace fs = std::filesystem;

const fs::path kData = ATTNVIZ_TEST_DATA "/checkpoints";

std::set<std::string> names(const Checkpoint& checkpoint) {
  std::set<std::string> all;
  for (const NamedTensor& tensor : checkpoint.tensors) all.insert(tensor.name);
  return all;
}

at::Tensor tensor_of(const Checkpoint& checkpoint, const std::string& name) {
  for (const NamedTensor& tensor : checkpoint.tensors) {
    if (tensor.name == name) return tensor.values;
  }
  ADD_FAILURE() << "no tensor " << name;
  return {};
}

TEST(Checkpoint, TorchAndSafetensorsHoldTheSameNumbers) {
  const Checkpoint torch = read_checkpoint(kData / "gpt2/pytorch_model.bin");
  const Checkpoint safetensors = read_checkpoint(kData / "gpt2/model.safetensors");
  EXPECT_EQ(torch.format, "PyTorch");
  EXPECT_EQ(safetensors.format, "safetensors");
  for (const NamedTensor& tensor : safetensors.tensors) {
    EXPECT_TRUE(at::equal(tensor.values, tensor_of(torch, tensor.name))) << tensor.name;
  }
  EXPECT_GT(safetensors.tensors.size(), 30U);
}

TEST(Checkpoint, UnwrapsAndStripsWhatTrainingPutsAround) {
  const Checkpoint checkpoint = read_checkpoint(kData / "nanogpt/ckpt.pt");
  EXPECT_TRUE(names(checkpoint).contains("transformer.h.2.attn.c_attn.weight"));
  EXPECT_EQ(std::get<std::int64_t>(checkpoint.settings.at("n_head")), 2);
  EXPECT_EQ(std::get<bool>(checkpoint.settings.at("bias")), false);
  EXPECT_EQ(std::get<double>(checkpoint.settings.at("dropout")), 0.0);
}

TEST(Checkpoint, ReadsHalfAsHalf) {
  const auto type = [](const char* folder) {
    const Checkpoint checkpoint = read_checkpoint(kData / folder);
    return tensor_of(checkpoint, "transformer.wte.weight").scalar_type();
  };
  EXPECT_EQ(type("gpt2_float16"), at::kHalf);
  EXPECT_EQ(type("gpt2_bfloat16"), at::kBFloat16);
}

TEST(Checkpoint, AFolderIsItsIndexOrItsFile) {
  const Checkpoint shards = read_checkpoint(kData / "gpt2_shards");
  EXPECT_EQ(shards.files.size(), 4U);  // the index, two shards, config.json
  EXPECT_EQ(std::get<std::string>(shards.settings.at("activation_function")), "gelu_new");
  const Checkpoint whole = read_checkpoint(kData / "gpt2");
  for (const NamedTensor& tensor : shards.tensors) {
    if (tensor.name.ends_with("attn.bias") || tensor.name.ends_with("masked_bias")) continue;
    EXPECT_TRUE(at::equal(tensor.values, tensor_of(whole, "transformer." + tensor.name)));
  }
}

TEST(Safetensors, ComeBackAsTheyWereWritten) {
  const TemporaryFolder folder;
  const fs::path path = folder.path() / "x.safetensors";
  const at::Tensor a = at::rand({2, 3}), b = at::arange(5), empty = at::zeros({0, 4});
  write_safetensors(path, {{"a", a}, {"b", b}, {"c", empty}, {"d", a.to(at::kBFloat16)}},
                    {{"from", "a test"}});
  const Checkpoint back = read_checkpoint(path);
  EXPECT_TRUE(at::equal(tensor_of(back, "a"), a));
  EXPECT_TRUE(at::equal(tensor_of(back, "b"), b));
  EXPECT_EQ(tensor_of(back, "c").sizes(), empty.sizes());
  EXPECT_TRUE(at::equal(tensor_of(back, "d"), a.to(at::kBFloat16)));
}

TEST(Safetensors, AreReadWithTheirMetadataAndTheirNamesAsTheyAre) {
  const TemporaryFolder folder;
  const fs::path path = folder.path() / "x.safetensors";
  write_safetensors(path, {{"module.b", at::ones({2})}, {"module.a", at::zeros({1})}},
                    {{"from", "a test"}, {"with", "\"quotes\""}});
  const SafetensorsFile file = read_safetensors(path);
  ASSERT_EQ(file.tensors.size(), 2U);
  EXPECT_EQ(file.tensors[0].name, "module.b");
  EXPECT_EQ(file.tensors[1].name, "module.a");
  EXPECT_EQ(file.metadata,
            (std::map<std::string, std::string>{{"from", "a test"}, {"with", "\"quotes\""}}));
  EXPECT_THROW((void)read_safetensors(folder.path() / "none"), FileError);
}

TEST(Safetensors, KeepEveryBitOfEveryDtype) {
  const TemporaryFolder folder;
  const fs::path path = folder.path() / "x.safetensors";
  std::vector<NamedTensor> tensors = {
      {"F64", at::tensor({0.1, 1e-310, -0.0, 1.7976931348623157e308})},
      {"I64", at::tensor({std::numeric_limits<std::int64_t>::min(),
                          std::numeric_limits<std::int64_t>::max(), std::int64_t{-1}})}};
  for (const auto dtype : {at::kFloat, at::kHalf, at::kInt, at::kShort, at::kChar, at::kByte,
                           at::kBool, at::kBFloat16}) {
    tensors.push_back({c10::toString(dtype), at::arange(3).to(dtype)});
  }
  write_safetensors(path, tensors, {});
  const Checkpoint back = read_checkpoint(path);
  for (const NamedTensor& tensor : tensors) {
    const at::Tensor values = tensor_of(back, tensor.name);
    ASSERT_EQ(values.scalar_type(), tensor.values.scalar_type()) << tensor.name;
    ASSERT_EQ(values.sizes(), tensor.values.sizes()) << tensor.name;
    EXPECT_EQ(std::memcmp(values.data_ptr(), tensor.values.data_ptr(), values.nbytes()), 0)
        << tensor.name;
  }
  EXPECT_THROW(write_safetensors(path, {{"z", at::zeros(1, at::kComplexFloat)}}, {}), ShapeError);
}

}  // namespace
}  // namespace attnviz
