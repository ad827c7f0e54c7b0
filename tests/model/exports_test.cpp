// GPTs as a current PyTorch exports them, with the attention that it computes itself: a few of
// those that tests/export/exports.py makes (with --small), so that no test needs that PyTorch.
#include <gtest/gtest.h>
#include <torch/torch.h>

#include <set>

#include "attnviz/checkpoint.h"
#include "attnviz/error.h"
#include "attnviz/gated_model.h"
#include "attnviz/model.h"
#include "attnviz/surgery.h"
#include "temporary_folder.h"

namespace attnviz {
namespace {

namespace fs = std::filesystem;

const fs::path kFolder = fs::path(ATTNVIZ_TEST_DATA) / "exports";

struct Expected {
  TokenIds ids;
  std::vector<at::Tensor> layers;
};

Expected expected_of(const std::string& name) {
  Expected expected;
  for (const NamedTensor& tensor : read_safetensors(kFolder / (name + ".safetensors")).tensors) {
    if (tensor.name == "ids") {
      const auto* ids = tensor.values.data_ptr<std::int64_t>();
      expected.ids.assign(ids, ids + tensor.values.numel());
    } else {
      const auto layer = std::size_t(std::stoi(tensor.name.substr(6)));
      if (expected.layers.size() <= layer) expected.layers.resize(layer + 1);
      expected.layers[layer] = tensor.values;
    }
  }
  return expected;
}

std::vector<std::string> names() {
  std::set<std::string> found;
  for (const auto& file : fs::directory_iterator(kFolder)) {
    if (file.path().extension() == ".pt") found.insert(file.path().stem().string());
  }
  return {found.begin(), found.end()};
}

class Exports : public ::testing::TestWithParam<std::string> {
 protected:
  [[nodiscard]] fs::path path() const { return kFolder / (GetParam() + ".pt"); }
};

TEST_P(Exports, ShowTheAttentionThatPyTorchComputes) {
  const Expected expected = expected_of(GetParam());
  Model model(path());
  const std::vector<at::Tensor> layers = model.capture(expected.ids);
  ASSERT_EQ(layers.size(), expected.layers.size());
  for (std::size_t l = 0; l < layers.size(); ++l) {
    ASSERT_EQ(layers[l].sizes(), expected.layers[l].sizes());
    const double worst = (layers[l] - expected.layers[l]).abs().max().item<double>();
    EXPECT_LE(worst, 1e-5) << "layer " << l;
  }
}

TEST_P(Exports, GiveTheSameBitsByGraphAndByObservation) {
  const Expected expected = expected_of(GetParam());
  Model observed(path(), {.capture = CaptureMode::observe});
  const std::vector<at::Tensor> by_run = observed.capture(expected.ids);
  ASSERT_EQ(by_run.size(), expected.layers.size());
  Model model(path());
  const std::vector<at::Tensor> by_graph = model.capture(expected.ids);
  if (model.capture_mode() != CaptureMode::graph) GTEST_SKIP() << "its graph cannot be cut";
  for (std::size_t l = 0; l < by_run.size(); ++l) {
    EXPECT_TRUE(at::equal(by_run[l], by_graph[l])) << "layer " << l;
  }
}

TEST_P(Exports, LetTheirHeadsBeTakenOutOrSayWhyNot) {
  const Expected expected = expected_of(GetParam());
  Model model(path());
  (void)model.capture(expected.ids);
  if (model.capture_mode() != CaptureMode::graph) {
    EXPECT_THROW(GatedModel{path()}, ModelError);
    return;
  }
  GatedModel gated(path());  // a trace of one length, too
  const double whole = gated.run(expected.ids, gated.open_gates()).loss;
  const at::Tensor logits = model.logits(expected.ids);
  const auto n = std::int64_t(expected.ids.size()) - 1;
  const at::Tensor targets = torch::tensor(expected.ids).narrow(0, 1, n);
  const at::Tensor loss = at::cross_entropy_loss(logits.narrow(0, 0, n), targets);
  EXPECT_NEAR(whole, loss.item<double>(), 1e-4);
  const double without = gated.run(expected.ids, gated.without({{0, 1}})).loss;
  EXPECT_GT(std::abs(without - whole), 1e-6);

  // And a model without that head can be saved; a trace's example, which says its length, is not.
  if (GetParam() == "fixed_length_traced") return;
  const TemporaryFolder folder;
  const fs::path masked = folder.path() / "masked.pt";
  (void)mask_script(path(), {{0, 1}}, {}, masked);
  GatedModel silent(masked);
  EXPECT_NEAR(silent.run(expected.ids, silent.open_gates()).loss, without, 1e-5);
}

INSTANTIATE_TEST_SUITE_P(OfPyTorch, Exports, ::testing::ValuesIn(names()),
                         [](const auto& test) { return test.param; });

}  // namespace
}  // namespace attnviz
