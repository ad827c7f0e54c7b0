// Attention of programs whose graph cannot be cut: their run is watched.
#include <gtest/gtest.h>

#include "attnviz/error.h"
#include "attnviz/gated_model.h"
#include "attnviz/model.h"
#include "test_models.h"

namespace attnviz {
namespace {

/// Causal attention of two heads of four, of x [1, T, 8], and its pattern by `softmax`.
std::string attend_by(const std::string& softmax) {
  return R"(
def attend(self, x):
    q = x.view([x.size(0), x.size(1), 2, 4]).transpose(1, 2)
    scores = torch.matmul(q, q.transpose(2, 3))
    later = torch.ones_like(scores).triu(1) > 0
    scores = scores.masked_fill(later, -10000.0)
    pattern = )" +
         softmax + R"(
    return torch.matmul(pattern, q).transpose(1, 2).reshape(x.size())
)";
}
const std::string kAttend = attend_by("torch.softmax(scores, -1)");

class Observed : public ::testing::Test {
 protected:
  Model model_of(const std::string& source, CaptureMode mode = CaptureMode::automatic) {
    return Model(saved(folder_, module_with(source)), {mode, "cpu"});
  }
  TemporaryFolder folder_;
};

TEST_F(Observed, GivesTheSameBitsAsTheGraph) {
  const auto path = saved(folder_, build_gpt(tiny_gpt(), 0));
  Model by_graph(path, {CaptureMode::graph, "cpu"});
  Model observed(path, {CaptureMode::observe, "cpu"});
  for (const TokenIds& ids : {TokenIds{5}, TokenIds{1, 2, 3, 39, 0, 1, 2}, TokenIds(32, 7)}) {
    const auto graph = by_graph.capture(ids);
    const auto run = observed.capture(ids);
    ASSERT_EQ(run.size(), graph.size());
    for (std::size_t l = 0; l < run.size(); ++l) EXPECT_TRUE(at::equal(run[l], graph[l]));
  }
  EXPECT_EQ(observed.capture_mode(), CaptureMode::observe);
}

TEST_F(Observed, SeesASoftmaxInABranch) {
  Model model = model_of(kAttend + R"(
def forward(self, ids):
    x = torch.embedding(self.table, ids)
    if bool((ids.sum() > 3).item()):
        x = self.attend(x)
    return x
)");
  EXPECT_EQ(model.capture({1, 2, 3}).size(), 1U);
  EXPECT_EQ(model.capture_mode(), CaptureMode::observe);
  EXPECT_THROW((void)model.capture({1, 1}), ModelError);  // the branch is not taken
}

TEST_F(Observed, SeesEveryRoundOfALoopWhoseEndIsComputed) {
  Model model = model_of(kAttend + R"(
def forward(self, ids):
    x = torch.embedding(self.table, ids)
    for i in range(int(ids[0, 0])):
        x = x + self.attend(x)
    return x
)");
  EXPECT_EQ(model.capture({4, 2, 3}).size(), 4U);
  EXPECT_EQ(model.capture({2, 2, 3}).size(), 2U);  // each text by itself
}

TEST_F(Observed, KeepsThePatternThatIsWrittenToLater) {
  const std::string source = R"(
def forward(self, ids):
    x = torch.embedding(self.table, ids)
    if bool((ids.sum() > 3).item()):
        scores = torch.matmul(x, x.transpose(1, 2)).unsqueeze(1)
        pattern = torch.softmax(scores.masked_fill(torch.ones_like(scores).triu(1) > 0, -10000.0), -1)
        pattern *= 0.0
        x = torch.matmul(pattern, x.unsqueeze(1)).squeeze(1)
    return x
)";
  const at::Tensor pattern = model_of(source).capture({1, 2, 3}).at(0);
  EXPECT_TRUE(at::allclose(pattern.sum(-1), at::ones({1, 3})));
}

TEST_F(Observed, CountsAnOperatorWithinAnotherOnce) {
  // softmax calls _softmax, and scaled_dot_product_attention, where it is ours, calls softmax.
  Model model = model_of(R"(
def forward(self, ids):
    q = torch.embedding(self.table, ids).view([1, ids.size(1), 4, 2]).transpose(1, 2)
    for i in range(int(ids[0, 0])):
        q = q + torch.scaled_dot_product_attention(q, q, q, None, 0.0, True)
    return q
)");
  EXPECT_EQ(model.capture({3, 2, 1}).size(), 3U);
}

/// Two softmaxes beside each other, of heads whose x is of this size.
std::string side_by_side(const std::string& size) {
  return R"(
def head(self, x):
    scores = torch.matmul(x, x.transpose(-2, -1))
    pattern = torch.softmax(scores.masked_fill(torch.ones_like(scores).triu(1) > 0, -10000.0), -1)
    return torch.matmul(pattern, x)

def attend(self, x):
    x = x.view()" +
         size + R"()
    x = x.transpose(-3, -2)
    return (self.head(x) - self.head(x * 2.0)).transpose(-3, -2).reshape([1, -1, 8])
)";
}

TEST_F(Observed, TakesHeadsOfSoftmaxesOfTheirOwnForOneLayer) {
  const std::string heads = R"(
def head(self, x):
    scores = torch.matmul(x, x.transpose(1, 2))
    pattern = torch.softmax(scores.masked_fill(torch.ones_like(scores).triu(1) > 0, -10000.0), -1)
    return torch.matmul(pattern, x)

def layer(self, x):
    return torch.cat([self.head(x[:, :, :4]), self.head(x[:, :, 4:])], -1)
)";
  const std::string plain = heads + R"(
def forward(self, ids):
    x = torch.embedding(self.table, ids)
    x = x + self.layer(x)
    return torch.matmul(x + self.layer(x), self.table.t())
)";
  const std::string in_branch = heads + R"(
def forward(self, ids):
    x = torch.embedding(self.table, ids)
    if bool((ids.sum() > 0).item()):
        x = x + self.layer(x)
    return torch.matmul(x + self.layer(x), self.table.t())
)";
  for (const std::string& source : {plain, in_branch}) {
    Model model = model_of(source);
    const auto layers = model.capture({1, 2, 3});
    ASSERT_EQ(layers.size(), 2U);
    EXPECT_EQ(layers[0].sizes(), (std::vector<std::int64_t>{2, 3, 3}));
  }
  // And their heads can be taken out one by one.
  GatedModel gated(saved(folder_, module_with(plain)));
  EXPECT_EQ(gated.n_heads(), (std::vector<std::int64_t>{2, 2}));
  const GatedRun whole = gated.run({1, 2, 3}, gated.open_gates());
  EXPECT_EQ(whole.outputs.at(1).sizes(), (std::vector<std::int64_t>{2, 3, 4}));
  EXPECT_NE(gated.run({1, 2, 3}, gated.without({{1, 0}})).loss,
            gated.run({1, 2, 3}, gated.without({{1, 1}})).loss);
}

TEST_F(Observed, RefusesTwoSoftmaxesThatCouldBothBeTheAttentionOfALayer) {
  const std::string forward = side_by_side("[1, -1, 2, 4]") + R"(
def forward(self, ids):
    return self.attend(torch.embedding(self.table, ids))
)";
  for (const CaptureMode mode : {CaptureMode::automatic, CaptureMode::observe}) {
    Model model = model_of(forward, mode);
    try {
      (void)model.capture({1, 2, 3});
      ADD_FAILURE() << "one of them was chosen";
    } catch (const ModelError& error) {
      const std::string message = error.what();
      EXPECT_NE(message.find("[1, 2, 3, 3], [1, 2, 3, 3]"), std::string::npos) << message;
      EXPECT_NE(message.find("model.pt"), std::string::npos) << message;
    }
  }
}

TEST_F(Observed, LeavesASinkOutAndSaysSo) {
  const std::string source =
      attend_by(
          "torch.softmax(torch.cat([scores, torch.zeros_like(scores[:, :, :, :1])], -1), -1)"
          "[:, :, :, :-1]") +
      R"(
def forward(self, ids):
    return self.attend(torch.embedding(self.table, ids))
)";
  for (const CaptureMode mode : {CaptureMode::graph, CaptureMode::observe}) {
    Model model = model_of(source, mode);
    const at::Tensor pattern = model.capture({1, 2, 3}).at(0);
    EXPECT_TRUE(model.has_sinks());
    EXPECT_EQ(pattern.sizes(), (std::vector<std::int64_t>{2, 3, 3}));
    EXPECT_LT(pattern.sum(-1).max().item<double>(), 1);
    EXPECT_GT(pattern.sum(-1).min().item<double>(), 0);
  }
}

}  // namespace
}  // namespace attnviz
