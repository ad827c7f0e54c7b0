#include "attnviz/import.h"

#include <gtest/gtest.h>
#include <torch/script.h>

#include "attnviz/checkpoint.h"
#include "attnviz/error.h"
#include "attnviz/model.h"
#include "test_models.h"

namespace attnviz {
namespace {

namespace fs = std::filesystem;

const fs::path kData = ATTNVIZ_TEST_DATA "/checkpoints";

/// What the program that a checkpoint comes from computed; see make_checkpoints.py.
struct Expected {
  TokenIds ids;
  at::Tensor logits;
  std::vector<at::Tensor> attention;
};

Expected expected_in(const std::string& folder) {
  Expected expected;
  for (const NamedTensor& tensor :
       read_checkpoint(kData / folder / "expected.safetensors").tensors) {
    if (tensor.name == "logits") expected.logits = tensor.values;
    if (tensor.name.starts_with("attention_")) {
      const auto layer = std::size_t(std::stoi(tensor.name.substr(10)));
      expected.attention.resize(std::max(expected.attention.size(), layer + 1));
      expected.attention[layer] = tensor.values;
    }
    if (tensor.name != "ids") continue;
    const auto* ids = tensor.values.data_ptr<std::int64_t>();
    expected.ids.assign(ids, ids + tensor.values.numel());
  }
  return expected;
}

void expect_equality(const std::string& folder, const std::string& file,
                     const ImportOptions& options, const std::string& layout) {
  SCOPED_TRACE(folder + "/" + file);
  const TemporaryFolder temporary;
  const fs::path path = temporary.path() / "imported.pt";
  const ImportedGpt imported = import_gpt(kData / folder / file, options);
  EXPECT_EQ(imported.layout, layout);
  save_gpt(*imported.gpt, imported.record, path, Precision::single);
  const Expected expected = expected_in(folder == "gpt2_shards" ? "gpt2" : folder);
  Model model(path);
  const at::Tensor logits = model.logits(expected.ids);
  EXPECT_LE((logits - expected.logits).abs().max().item<double>(), 1e-5);
  for (const CaptureMode mode : {CaptureMode::graph, CaptureMode::method}) {
    const auto attention = Model(path, {mode, "cpu"}).capture(expected.ids);
    ASSERT_EQ(attention.size(), expected.attention.size());
    for (std::size_t layer = 0; layer < attention.size(); ++layer) {
      EXPECT_LE((attention[layer] - expected.attention[layer]).abs().max().item<double>(), 1e-5);
    }
  }
}

ImportOptions with_heads(std::int64_t n, std::optional<std::int64_t> n_layers = std::nullopt) {
  return {n, n_layers, std::nullopt};
}

TEST(Import, GptTransformerComputesTheSame) {
  expect_equality("gpt_transformer", "trained_model.pth", with_heads(2, 3), "GPTTransformer");
}

TEST(Import, TorchScriptTellsItsHeadsAndLayersItself) {
  expect_equality("gpt_transformer", "model.pt", {}, "GPTTransformer");
}

TEST(Import, NanoGptComputesTheSame) {
  expect_equality("nanogpt", "ckpt.pt", {}, "nanoGPT");
}

TEST(Import, MinGptComputesTheSame) {
  expect_equality("mingpt", "model.pt", with_heads(2), "minGPT");
}

TEST(Import, HuggingFaceGpt2ComputesTheSameHoweverItIsSaved) {
  expect_equality("gpt2", "", {}, "Hugging Face GPT-2");
  expect_equality("gpt2", "pytorch_model.bin", {}, "Hugging Face GPT-2");
  expect_equality("gpt2_shards", "model.safetensors.index.json", {}, "Hugging Face GPT-2");
  expect_equality("gpt2_float16", "pytorch_model.bin", {}, "Hugging Face GPT-2");
  expect_equality("gpt2_bfloat16", "pytorch_model.bin", {}, "Hugging Face GPT-2");
}

TEST(Import, SaysWhereTheModelComesFrom) {
  const ImportedGpt imported = import_gpt(kData / "nanogpt/ckpt.pt");
  EXPECT_EQ(imported.record.provenance[0],
            (std::pair<std::string, std::string>{"source", "ckpt.pt"}));
  const TemporaryFolder folder;
  const fs::path path = folder.path() / "imported.pt";
  save_gpt(*imported.gpt, imported.record, path, Precision::single);
  const auto record = read_gpt_record(path);
  ASSERT_TRUE(record.has_value());
  EXPECT_EQ(record->config, imported.record.config);
  EXPECT_EQ(record->provenance, imported.record.provenance);
}

template <typename Action>
void expect_refused(Action action, const std::string& part) {
  try {
    action();
    ADD_FAILURE() << "was taken, though it should be refused for: " << part;
  } catch (const ModelError& error) {
    EXPECT_NE(std::string(error.what()).find(part), std::string::npos) << error.what();
  }
}

TEST(Import, AWrongNumberOfHeadsOrLayersCannotPass) {
  const auto import = [](const char* file, const ImportOptions& options) {
    return [=] { (void)import_gpt(kData / file, options); };
  };
  expect_refused(import("mingpt/model.pt", {}), "give --heads");
  expect_refused(import("mingpt/model.pt", with_heads(3)), "cannot share");
  expect_refused(import("nanogpt/ckpt.pt", with_heads(4)), "2 heads per layer by the checkpoint");
  expect_refused(import("gpt_transformer/model.pt", with_heads(4)), "by its attention");
  expect_refused(import("nanogpt/ckpt.pt", {{}, 2, {}}), "3 layers");
  expect_refused(import("gpt2", {{}, {}, true}), "gelu_new");
}

TEST(Import, NamesWhatIsMissingSurplusOrMisshapen) {
  const TemporaryFolder folder;
  const fs::path path = folder.path() / "odd.safetensors";
  std::vector<NamedTensor> tensors = read_checkpoint(kData / "gpt2/model.safetensors").tensors;
  const auto import = [&] {
    write_safetensors(path, tensors, {});
    (void)import_gpt(path, with_heads(2));
  };
  const auto find = [&](const std::string& name) {
    return std::find_if(tensors.begin(), tensors.end(),
                        [&](const NamedTensor& tensor) { return tensor.name == name; });
  };
  import();
  const auto weight = find("transformer.h.1.mlp.c_fc.weight");
  weight->values = weight->values.narrow(1, 0, 31).contiguous();
  expect_refused(import, "misshapen tensors: h.1.mlp.c_fc.weight [8, 31]");
  weight->name = "transformer.h.1.mlp.extra.weight";
  expect_refused(import,
                 "Hugging Face GPT-2, disagrees: missing h.1.mlp.c_fc.weight; surplus "
                 "h.1.mlp.extra.weight");
  tensors = {{"some", at::zeros({2})}, {"thing", at::zeros({2})}};
  expect_refused(import, "it holds some, thing");
}

TEST(Import, AModelOfOursNeedsNone) {
  const TemporaryFolder folder;
  const fs::path path = folder.path() / "gpt.pt";
  save_gpt(build_gpt(tiny_gpt(), 0), {tiny_gpt(), {}}, path, Precision::half);
  expect_refused([&] { (void)import_gpt(path); }, "needs no import");
}

}  // namespace
}  // namespace attnviz
